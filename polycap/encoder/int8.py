"""Weights as int8 with a float16 scale per output channel: rounding, and safetensors files of them.

Rounding to int8 per output channel needs no calibration, and halves a float16 file. Runtimes read the weights back as
float32; no computation is in int8.

Reference: Krishnamoorthi (2018), "Quantizing deep convolutional networks for efficient inference", arXiv:1806.08342
(symmetric weights per channel).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polycap.files.tensors import parse_tensors, save_tensors

__all__ = ["Stored", "dequantize", "from_int8", "load_int8", "output_axes", "quantize", "save_int8", "to_int8"]

Stored: TypeAlias = dict[str, NDArray[Any]]
"""Tensors as a file has them, by name: int8 with scales, or float16."""

_LARGEST = 127
"""Largest int8 value in use; -128 is left out, so that the range is symmetric."""

_SCALES = ".scales"
"""End of the name of the scales of a tensor."""


def quantize(weight: NDArray[Any], axis: int = -1) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Round a weight to int8, with a scale for each output channel.

    Args:
        weight: finite floats, `(…)`.
        axis: axis of the output channels. (default: the last, as in a kernel `(inputs, outputs)`)

    Returns:
        Values from -127 to 127, `(…) int8`, and scales, `float16` of size 1 on all axes but `axis`. The product is at
        most half a scale from the weight, except where a scale is below the smallest float16 of full precision.
    """
    weight = np.asarray(weight, dtype=np.float32)
    others = tuple(index for index in range(weight.ndim) if index != axis % weight.ndim)
    exact = np.abs(weight).max(axis=others, keepdims=True) / np.float32(_LARGEST)
    scales = exact.astype(np.float16)
    scales = np.where(scales < exact, np.nextafter(scales, np.float16(np.inf)), scales)  # never clips the largest
    divisors = np.where(scales > 0, scales, 1).astype(np.float32)
    return np.rint(weight / divisors).astype(np.int8), scales


def dequantize(values: NDArray[np.int8], scales: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the weight that `quantize` rounded, `(…) float32`."""
    return values.astype(np.float32) * scales.astype(np.float32)


def output_axes(names: Iterable[str]) -> dict[str, int]:
    """Return the axis of the output channels of a decoder's weights that are rounded to int8, by name.

    They are kernels, embeddings (one channel per token), and the place of each cell. The others stay float16.
    """
    axes = {"kernel": -1, "embeddings": 0, "place": -1}
    ends = {name: name.rpartition("/")[-1] for name in names}
    return {name: axes[end] for name, end in ends.items() if end in axes}


def to_int8(weights: Mapping[str, NDArray[Any]], axes: Mapping[str, int]) -> Stored:
    """Return weights as a file has them.

    Args:
        weights: weights by name.
        axes: axis of the output channels of each weight to round to int8, by name; the others are float16.
    """
    stored: Stored = {}
    for name, weight in weights.items():
        if name in axes:
            stored[name], stored[name + _SCALES] = quantize(weight, axes[name])
        else:
            stored[name] = np.asarray(weight, dtype=np.float16)
    return stored


def from_int8(stored: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Return the weights of `to_int8`, `float32` by name.

    Raises:
        ValueError: an int8 tensor has no scales that fit it, or scales have no int8 tensor.
    """
    for name in stored:
        scaled = stored.get(name.removesuffix(_SCALES))
        if name.endswith(_SCALES) and (scaled is None or scaled.dtype != np.int8):
            raise ValueError(f"tensor {name!r:.60} is scales of no int8 tensor")
    return {name: _restore(name, stored) for name in stored if not name.endswith(_SCALES)}


def save_int8(path: Path, weights: Mapping[str, NDArray[Any]], axes: Mapping[str, int]) -> None:
    """Write weights to a safetensors file, atomically; arguments as for `to_int8`."""
    save_tensors(path, to_int8(weights, axes))


def load_int8(content: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the weights in the bytes of a file of `save_int8`, `float32` by name.

    Raises:
        SafetensorError: the bytes are no safetensors file.
        ValueError: a tensor has another type, values that are not finite, or no scales that fit it.
    """
    return from_int8(parse_tensors(content)[0])


def _restore(name: str, stored: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    tensor, scales = stored[name], stored.get(name + _SCALES)
    if tensor.dtype != np.int8:
        return tensor.astype(np.float32)
    if (
        scales is None
        or scales.ndim != tensor.ndim
        or any(size not in (1, full) for size, full in zip(scales.shape, tensor.shape, strict=True))
    ):
        raise ValueError(f"int8 tensor {name!r:.60} has no scales that fit it")
    return dequantize(tensor, scales)
