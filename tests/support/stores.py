"""Helpers of the tests in tests/features."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.features.store import FeatureStore, StoreWriter

# --- the PCA ---

CELLS, CHANNELS = 10, 12


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Of each cell's channels, the lowest."""
    one, other = one.astype(np.float32), other.astype(np.float32)  # float16 has no room for a sum of squares
    product = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
    return float(product.min())


def make_store(folder: Path, photos: int = 40, channels: int = CHANNELS, seed: int = 0) -> FeatureStore:
    """Features with a mean and some directions that matter more than others."""
    generator = np.random.default_rng(seed)
    cells = generator.normal(size=(photos, CELLS, channels)) * np.linspace(3, 0.3, channels)
    cells = cells @ np.linalg.qr(generator.normal(size=(channels, channels)))[0] + generator.normal(size=channels)
    writer = StoreWriter(folder, [f"{n}.jpg" for n in range(photos)], (CELLS, channels), encoder="tiny")
    writer.write(dict(enumerate(cells)), {})
    return FeatureStore(folder)
