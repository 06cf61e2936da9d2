"""The encoder's network: Keras' own Xception (Chollet, 2017, arXiv:1610.02357), without its classifier."""

from typing import Any

from polycap.backend import keras
from polycap.features.identity import SIZE

__all__ = ["CELLS", "CHANNELS", "SIZE", "build_xception"]

CELLS = 100
"""Cells of the output grid: 10 × 10, row by row."""
CHANNELS = 2048
"""Channels of a cell."""


def build_xception() -> Any:
    """`(batch, 299, 299, 3) float32` in [−1, 1] → `(batch, 10, 10, 2048) float32`, with weights still random."""
    return keras.applications.Xception(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
