"""Tests of polycap/encoder/weight_files.py."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from polycap.encoder.weight_files import read_weights, save_weights, tensors_hash
from polycap.errors import EncoderError
from weight_containers import Tensors

# Keras' own, when it saves a model with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(autouse=True)
def _small_leavings(tmp_path: Path) -> Iterator[None]:
    """pytest keeps the folders of three runs; with files of 83 MB in them that would be gigabytes."""
    yield
    shutil.rmtree(tmp_path)


def error_of(path: Path) -> str:
    with pytest.raises(EncoderError) as caught:
        read_weights(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["safetensors", "h5", "legacy", "keras", "whl"])
def test_every_container_gives_the_same_tensors(containers: dict[str, Path], tensors: Tensors, kind: str) -> None:
    received = read_weights(containers[kind])
    assert {tensor.dtype.name for tensor in received} == {"float32"}
    assert all((one == other).all() for one, other in zip(received, tensors, strict=True))
    assert tensors_hash(received) == tensors_hash(tensors)


@pytest.mark.parametrize("kind", ["safetensors", "h5", "legacy", "keras", "whl"])
@pytest.mark.parametrize("share", [0.0, 0.00001, 0.5, 0.999])
def test_truncated_file(containers: dict[str, Path], tmp_path: Path, kind: str, share: float) -> None:
    whole = containers[kind]
    path = tmp_path / whole.name
    shutil.copy(whole, path)
    with path.open("r+b") as stream:
        stream.truncate(int(whole.stat().st_size * share))
    assert "can't be read as Xception's weights" in error_of(path)


def test_damaged_archive(containers: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "damaged.keras"
    shutil.copy(containers["keras"], path)
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        stream.write(b"damage" * 100)
    assert "can't be read as Xception's weights" in error_of(path)


def test_half_precision_is_read_as_float32(tensors: Tensors, tmp_path: Path) -> None:
    save_file({f"{n:03d}": t.astype(np.float16) for n, t in enumerate(tensors)}, tmp_path / "half.safetensors")
    assert {tensor.dtype.name for tensor in read_weights(tmp_path / "half.safetensors")} == {"float32"}


def test_missing_file(tmp_path: Path) -> None:
    assert "no such file for the encoder's weights" in error_of(tmp_path / "none.h5")
    assert "no such file for the encoder's weights" in error_of(tmp_path)


def test_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").touch()
    assert "encoder weights are .safetensors, .h5, .keras, .whl files" in error_of(tmp_path / "weights.pth")


def test_another_models_tensors(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_weights([np.zeros((3, 3), dtype=np.float32)] * 2, path)
    assert "holds 2 tensors with 18 parameters" in error_of(path)


def test_xceptions_tensors_in_another_order(tensors: Tensors, tmp_path: Path) -> None:
    save_weights(tensors[::-1], tmp_path / "reversed.safetensors")
    assert "which are not Xception's" in error_of(tmp_path / "reversed.safetensors")


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_another_keras_model(tmp_path: Path, suffix: str) -> None:
    from polycap.machine.backend import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    path = tmp_path / f"other{suffix}"
    model.save_weights(path) if suffix.endswith(".h5") else model.save(path)
    assert "can't be read as Xception's weights" in error_of(path)


def test_a_layer_of_another_shape_is_named(containers: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "other.weights.h5"
    shutil.copy(containers["h5"], path)
    with h5py.File(path, "r+") as file:
        variables = file["layers/conv2d/vars"]
        del variables["0"]
        variables["0"] = np.zeros((3, 3, 1, 32), dtype=np.float32)
    assert "conv2d/vars/0: shape (3, 3, 1, 32); Xception has (3, 3, 3, 32)" in error_of(path)


@pytest.mark.parametrize("suffix", [".whl", ".keras"])
def test_an_archive_of_something_else(tmp_path: Path, suffix: str) -> None:
    with zipfile.ZipFile(tmp_path / f"other{suffix}", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    assert "can't be read as Xception's weights" in error_of(tmp_path / f"other{suffix}")
