"""Helpers of the tests in tests/decoder."""

from typing import Any

import numpy as np

from polycap.machine.backend import keras
from polycap.text.tokenizer import BOS

ops = keras.ops


def make_captions(photos: int = 2, captions: int = 3, length: int = 7) -> Any:
    token_ids = np.random.default_rng(0).integers(4, 30, (photos, captions, length)).astype(np.int32)
    token_ids[:, :, 0] = BOS
    return token_ids
