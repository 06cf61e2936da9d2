"""Fixtures of the tests of polycap/pack."""

import shutil
from pathlib import Path

import pytest

from packs import Parts, make_parts
from polycap.text.tokenizer import Tokenizer
from tiny import KINDS


@pytest.fixture(scope="module")
def parts(tiny_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return make_parts(KINDS[0], tiny_tokenizer, tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def saved(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack") / "pack"
    parts.save(folder)
    return folder


@pytest.fixture
def pack(saved: Path, tmp_path: Path) -> Path:
    """A pack that a test may break."""
    return shutil.copytree(saved, tmp_path / "pack")
