"""The encoder's network: Keras' own Xception (Chollet, 2017, arXiv:1610.02357), without its classifier."""

from typing import Any

from polycap.backend import keras
from polycap.features.identity import CELLS, CHANNELS, SIZE

__all__ = ["build_xception", "cells_of"]

ops = keras.ops


def build_xception() -> Any:
    """`(batch, 299, 299, 3) float32` in [−1, 1] → `(batch, 10, 10, 2048) float32`, with weights still random.

    Where Keras' image data format is channels_first, `(batch, 3, 299, 299)` → `(batch, 2048, 10, 10)`; the weights are
    the same.
    """
    shape = (SIZE, SIZE, 3) if _channels_last() else (3, SIZE, SIZE)
    return keras.applications.Xception(weights=None, include_top=False, input_shape=shape)


def cells_of(network: Any, photos: Any) -> Any:
    """What the encoder computes: `(batch, 299, 299, 3) uint8` → `(batch, 100, 2048) float32`.

    Args:
        network: what `build_xception` has made.
        photos: a tensor of the Keras backend in use.
    """
    pixels = ops.cast(photos, "float32") / 127.5 - 1.0
    if _channels_last():
        return ops.reshape(network(pixels, training=False), (-1, CELLS, CHANNELS))
    grid = network(ops.transpose(pixels, (0, 3, 1, 2)), training=False)  # (batch, 2048, 10, 10)
    return ops.transpose(ops.reshape(grid, (-1, CHANNELS, CELLS)), (0, 2, 1))


def _channels_last() -> bool:
    return bool(keras.config.image_data_format() == "channels_last")
