"""Helpers of the tests in tests/training."""

from typing import Any

import numpy as np

from polycap.features.store import FeatureStore
from polycap.training.batches import Batches, TrainingExample

# --- batches ---


def make_examples(photos: int = 12, captions: int = 5) -> list[TrainingExample]:
    """Return captions of 1 to 9 tokens, each with a first token of its own."""
    generator = np.random.default_rng(0)
    numbers = iter(range(100, 100_000))
    return [
        (
            f"{p}.jpg",
            [[next(numbers), *generator.integers(4, 50, generator.integers(9)).tolist()] for _ in range(captions)],
        )
        for p in range(photos)
    ]


def make_batches(examples: list[TrainingExample], stores: list[FeatureStore], **options: Any) -> Batches:
    values = {"photos_per_batch": 4, "captions_per_photo": 5, "max_tokens": 30, "vocab_size": 2000, "seed": 0}
    return Batches(examples, stores, **{**values, **options})
