"""Network of the encoder: Keras' Xception without its classifier, its middle flow, and the photo's colours.

Xception's last layer is trained to be invariant to colour and texture, which captions name. On Flickr8k a linear probe
of the mean cell finds the colour words of dev captions with a mean average precision of 0.26 from the last layer, 0.28
with the middle flow added, and 0.34 with the colours added.

References: Chollet (2017), "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357; cells of
several depths: Hariharan et al. (2015), "Hypercolumns for Object Segmentation and Fine-grained Localization",
arXiv:1411.5752.
"""

from typing import Any

import numpy as np

from polycap.encoder.identity import BLOCKS, CELLS, MIDDLE_CELLS, MIDDLE_CHANNELS, SIZE
from polycap.machine.backend import keras, require_float32

__all__ = ["build_xception", "cells_of", "middle_flow_of"]

ops = keras.ops

MIDDLE = "block13_sepconv1_act"
"""Name of the layer whose output is the middle flow's last activation: 19 × 19 cells of 728 channels."""

SIDE = 10
"""Cells in a row, and rows of cells."""
TONES = 4
"""Number of tones of red, green and blue each; a colour is one of their 64 combinations."""


def build_xception() -> Any:
    """Build Xception with random weights: `(batch, 299, 299, 3) float32` in [−1, 1] → `(batch, 10, 10, 2048) float32`.

    If Keras' image data format is channels_first: `(batch, 3, 299, 299)` → `(batch, 2048, 10, 10)`, with the same
    weights.

    Raises:
        CaptionRuntimeError: Keras creates layers of another dtype than float32 in this process.
    """
    require_float32()
    shape = (SIZE, SIZE, 3) if _channels_last() else (3, SIZE, SIZE)
    return keras.applications.Xception(weights=None, include_top=False, input_shape=shape)


def cells_of(network: Any, photos: Any) -> Any:
    """Encode photos: `(batch, 299, 299, 3) uint8` → `(batch, 100, 2840) float16`, channels in the order of `BLOCKS`.

    float16 also without a feature store, which stores float16: a captioner then sees the features it was trained on.

    Args:
        network: network of `build_xception`.
        photos: tensor of the Keras backend in use.
    """
    deep = keras.Model(network.input, [network.output, network.get_layer(MIDDLE).output])
    last, middle = deep(_scaled(photos), training=False)
    middle = ops.average_pool(middle, 3, strides=2, padding="same")  # as Xception comes from 19 × 19 to 10 × 10
    cells = ops.concatenate([_flat(last, BLOCKS[0]), _flat(middle, BLOCKS[1]), _colours(photos)], axis=-1)
    return ops.cast(cells, "float16")


def middle_flow_of(network: Any, photos: Any) -> Any:
    """Compute the middle flow, which the exit flow reads: `(batch, 299, 299, 3) uint8` → `(batch, 361, 728) float16`.

    Args:
        network: network of `build_xception`.
        photos: tensor of the Keras backend in use.
    """
    deep = keras.Model(network.input, network.get_layer(MIDDLE).input)
    return ops.cast(_flat(deep(_scaled(photos), training=False), MIDDLE_CHANNELS, MIDDLE_CELLS), "float16")


def _scaled(photos: Any) -> Any:
    """Scale photos to [−1, 1], `float32`, in the layout of Keras' image data format."""
    # Flattened: OpenVINO vectorises over the last axis, which has only three numbers in a photo.
    scaled = ops.cast(ops.reshape(photos, (-1, SIZE * SIZE * 3)), "float32") / 127.5 - 1.0
    scaled = ops.reshape(scaled, (-1, SIZE, SIZE, 3))
    return scaled if _channels_last() else ops.transpose(scaled, (0, 3, 1, 2))


def _colours(pixels: Any) -> Any:
    """Compute the share of each colour in a cell: `(batch, 299, 299, 3) uint8` → `(batch, 100, 64) float32`, sums of 1.

    A pixel is divided between the tones next to its own by distance (trilinear interpolation).
    """
    step = 14  # pixels of a cell per side: every other pixel is used
    end = 9 + 2 * step * SIDE
    cells = ops.reshape(pixels[:, 9:end:2, 9:end:2], (-1, SIDE, step, SIDE, step, 3))
    # Pixels are the last axis, for vectorised operations.
    cells = ops.reshape(ops.transpose(cells, (0, 1, 3, 5, 2, 4)), (-1, CELLS, 3, 1, step**2))
    tones = ops.cast(cells, "float32") * ((TONES - 1) / 255.0)
    near = ops.relu(1.0 - ops.abs(tones - np.arange(TONES, dtype=np.float32)[:, None]))  # (…, 3, tones, pixels)
    red, green, blue = (near[:, :, channel] for channel in range(3))
    mixed = ops.reshape(red[:, :, :, None] * green[:, :, None], (-1, CELLS, TONES**2, step**2))
    # The sum over pixels is a matrix product for each cell: as a mean of products it took a seventh of the encoder's
    # time.
    total = ops.matmul(mixed, ops.transpose(blue, (0, 1, 3, 2)))  # (batch, cells, 16, 4)
    return ops.reshape(total / step**2, (-1, CELLS, TONES**3))


def _flat(grid: Any, channels: int, cells: int = CELLS) -> Any:
    """Flatten a grid of cells row by row, to `(batch, cells, channels)`."""
    if _channels_last():
        return ops.reshape(grid, (-1, cells, channels))
    return ops.transpose(ops.reshape(grid, (-1, channels, cells)), (0, 2, 1))


def _channels_last() -> bool:
    return bool(keras.config.image_data_format() == "channels_last")
