"""The encoder's network: Keras' own Xception without its classifier, its middle flow, and the photo's colours.

Xception's last cells tell kinds of things apart, whatever their colour; captions name colours, and textures that are
gone by then. On Flickr8k a linear probe of the mean cell finds the colour words of dev captions with a mean average
precision of 0.26 from the last cells, 0.28 with those of the middle flow, and 0.34 with colours.

References: Chollet (2017), "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357; cells of
several depths: Hariharan et al. (2015), "Hypercolumns for Object Segmentation and Fine-grained Localization",
arXiv:1411.5752.
"""

from typing import Any

from polycap.backend import keras
from polycap.features.identity import BLOCKS, CELLS, SIZE

__all__ = ["build_xception", "cells_of"]

ops = keras.ops

MIDDLE = "block13_sepconv1_act"
"""What the middle flow hands to the exit flow: 19 × 19 cells of 728 channels."""

SIDE = 10
"""Cells in a row."""
TONES = 4
"""Tones of red, green and blue each; a colour is one of their 64 combinations."""


def build_xception() -> Any:
    """`(batch, 299, 299, 3) float32` in [−1, 1] → `(batch, 10, 10, 2048) float32`, with weights still random.

    Where Keras' image data format is channels_first, `(batch, 3, 299, 299)` → `(batch, 2048, 10, 10)`; the weights are
    the same.
    """
    shape = (SIZE, SIZE, 3) if _channels_last() else (3, SIZE, SIZE)
    return keras.applications.Xception(weights=None, include_top=False, input_shape=shape)


def cells_of(network: Any, photos: Any) -> Any:
    """What the encoder computes: `(batch, 299, 299, 3) uint8` → `(batch, 100, 2840) float32`, as `BLOCKS` has it.

    Args:
        network: what `build_xception` has made.
        photos: a tensor of the Keras backend in use.
    """
    pixels = ops.cast(photos, "float32")
    scaled = pixels / 127.5 - 1.0
    deep = keras.Model(network.input, [network.output, network.get_layer(MIDDLE).output])
    last, middle = deep(scaled if _channels_last() else ops.transpose(scaled, (0, 3, 1, 2)), training=False)
    middle = ops.average_pool(middle, 3, strides=2, padding="same")  # as Xception comes from 19 × 19 to 10 × 10
    return ops.concatenate([_flat(last, BLOCKS[0]), _flat(middle, BLOCKS[1]), _colours(pixels)], axis=-1)


def _colours(pixels: Any) -> Any:
    """How much of a cell is of each colour: `(batch, 299, 299, 3)`, 0–255 → `(batch, 100, 64)`, sums 1.

    A pixel counts for the tones next to its own, the more the nearer they are.
    """
    step = 14 * SIDE  # every other pixel, 14 × 14 a cell
    tones = pixels[:, 9 : 9 + 2 * step : 2, 9 : 9 + 2 * step : 2] * ((TONES - 1) / 255.0)
    near = [ops.relu(1.0 - ops.abs(tones - float(tone))) for tone in range(TONES)]  # each (batch, 140, 140, 3)
    red, green, blue = (ops.stack([tone[..., channel] for tone in near], axis=-1) for channel in range(3))
    mixed = ops.reshape(red[..., :, None] * green[..., None, :], (-1, step, step, TONES**2))
    mixed = ops.reshape(mixed[..., :, None] * blue[..., None, :], (-1, SIDE, 14, SIDE, 14, TONES**3))
    return ops.reshape(ops.mean(mixed, axis=(2, 4)), (-1, CELLS, TONES**3))


def _flat(grid: Any, channels: int) -> Any:
    """A grid of cells, row by row: `(batch, 100, channels)`."""
    if _channels_last():
        return ops.reshape(grid, (-1, CELLS, channels))
    return ops.transpose(ops.reshape(grid, (-1, channels, CELLS)), (0, 2, 1))


def _channels_last() -> bool:
    return bool(keras.config.image_data_format() == "channels_last")
