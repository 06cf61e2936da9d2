"""Weights as int8 with a float16 scale per output channel: rounding, and safetensors files of them.

Rounding to int8 per output channel needs no calibration, and halves a float16 file. Runtimes read the weights back as
float32; no computation is in int8.

Reference: Krishnamoorthi (2018), "Quantizing deep convolutional networks for efficient inference", arXiv:1806.08342
(symmetric weights per channel).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from polycap.errors import EncoderError
from polycap.files import atomic_path

__all__ = ["dequantize", "load_int8", "quantize", "save_int8"]

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


def save_int8(path: Path, weights: Mapping[str, NDArray[Any]], axes: Mapping[str, int]) -> None:
    """Write weights to a safetensors file.

    Args:
        path: file to write.
        weights: weights by name.
        axes: axis of the output channels of each weight to round to int8, by name; the others are float16.
    """
    tensors: dict[str, NDArray[Any]] = {}
    for name, weight in weights.items():
        if name in axes:
            tensors[name], tensors[name + _SCALES] = quantize(weight, axes[name])
        else:
            tensors[name] = np.asarray(weight, dtype=np.float16)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)


def load_int8(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the weights of a file of `save_int8`, `float32` by name.

    Raises:
        EncoderError: the file is missing or broken, or an int8 tensor has no scales that fit it.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise EncoderError(f"{path}: is broken ({error}); install it again") from error
    return {name: _read(path, name, tensors) for name in tensors if not name.endswith(_SCALES)}


def _read(path: Path, name: str, tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    tensor, scales = tensors[name], tensors.get(name + _SCALES)
    if tensor.dtype != np.int8:
        return tensor.astype(np.float32)
    if (
        scales is None
        or scales.ndim != tensor.ndim
        or any(size not in (1, full) for size, full in zip(scales.shape, tensor.shape, strict=True))
    ):
        raise EncoderError(f"{path}: int8 tensor {name!r:.60} has no scales that fit it; install it again")
    return dequantize(tensor, scales)
