"""Tests of polycap/files/tensors.py: a full disk is the system's own error, which names the file."""

import errno
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from polycap.encoder.int8 import save_int8
from polycap.encoder.pca import FeaturePCA
from polycap.encoder.weight_files import save_weights
from polycap.files.tensors import parse_tensors, save_tensors

ARRAY = np.arange(10_000, dtype=np.float32)


@pytest.fixture
def _little_space() -> Iterator[None]:
    """Files of at most 1,000 bytes: the error of a larger one comes at the same place as a full disk's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


WRITERS: dict[str, Callable[[Path], object]] = {
    "features": FeaturePCA(ARRAY[:100], np.ones((100, 20), dtype=np.float32), 0.9).save,
    "packs": lambda path: save_int8(path, {"kernel": ARRAY.reshape(100, 100)}, {"kernel": 1}),
    "weights": lambda path: save_weights([ARRAY], path),
}


@pytest.mark.usefixtures("_little_space")
@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_file_that_finds_no_space(writer: Callable[[Path], object], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="File too large") as caught:
        writer(tmp_path / "file")
    assert caught.value.errno == errno.EFBIG
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_the_bytes_are_those_of_safetensors(tmp_path: Path) -> None:
    tensors: dict[str, NDArray[Any]] = {"b": ARRAY.reshape(100, 100), "a": ARRAY.astype(np.float16)}
    save_tensors(tmp_path / "ours", tensors, {"variance": "0.5"})
    save_file(tensors, tmp_path / "theirs", {"variance": "0.5"})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    parsed, metadata = parse_tensors((tmp_path / "ours").read_bytes())
    assert metadata == {"variance": "0.5"}
    np.testing.assert_array_equal(parsed["b"], tensors["b"])
