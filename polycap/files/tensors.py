"""Tensors of safetensors files, parsed from bytes that were read once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from polycap.files.strangers import parse_json

__all__ = ["parse_tensors"]

_LENGTH_BYTES = 8
"""Size of the header's length at the start of the file, bytes."""


def parse_tensors(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the tensors, by name, and the metadata of a safetensors file of finite floats and int8.

    Raises:
        SafetensorError: the bytes are no safetensors file.
        ValueError: a tensor has another type, or values that are not finite.
    """
    try:
        tensors = load(content)
    except KeyError as error:
        raise ValueError(f"a tensor has values of type {error}, which NumPy lacks") from error
    for name, tensor in tensors.items():
        if tensor.dtype != np.int8 and (tensor.dtype.kind != "f" or not np.isfinite(tensor).all()):
            raise ValueError(f"tensor {name!r:.60} has values that are no finite floats, and no int8")
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    return tensors, parse_json(content[_LENGTH_BYTES:end]).get("__metadata__", {})
