"""Tests of polycap/encoder/identity.py."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from polycap.encoder import encoder as encoder_module
from polycap.encoder.encoder import Encoder
from weight_containers import Tensors

# Keras' own, when it saves a model with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(autouse=True)
def _small_leavings(tmp_path: Path) -> Iterator[None]:
    """pytest keeps the folders of three runs; with files of 83 MB in them that would be gigabytes."""
    yield
    shutil.rmtree(tmp_path)


# --- identity ---


def test_identity_is_of_the_tensors_and_nothing_else(tensors: Tensors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "_freeze", lambda *_: None)  # it takes seconds, and changes no identity
    identity = Encoder(tensors).identity
    assert Encoder([np.asfortranarray(tensor) for tensor in tensors]).identity == identity
    for position in (0, 117, 233):
        other = [tensor.copy() for tensor in tensors]
        other[position].flat[-1] += 1
        assert Encoder(other).identity != identity
    monkeypatch.setitem(encoder_module.PREPROCESSING, "aspect", "cut")
    assert Encoder(tensors).identity != identity


def test_identity_is_the_same_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    # stores and packs carry it: a change here makes all of them useless
    monkeypatch.setattr(encoder_module, "_freeze", lambda *_: None)
    assert Encoder([np.arange(6, dtype=np.float32).reshape(2, 3)]).identity == "67a0dd9984a94d61"
