"""Tensors of safetensors files: written as one, parsed from bytes that were read once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from polycap.files.atomic import atomic_path
from polycap.files.strangers import parse_json

__all__ = ["parse_tensors", "save_tensors"]

_LENGTH_BYTES = 8
"""Size of the header's length at the start of the file, bytes."""


def save_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, atomically.

    The bytes are written here: `safetensors.numpy.save_file` raises no OSError on a full disk, and its file has other
    permissions.

    Raises:
        OSError: the file can't be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(dict(tensors), metadata))


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
