"""Helpers of the tests in tests/pack."""

import shutil
from pathlib import Path

import pytest

from pack_files import make_pack
from polycap.language import load_language
from polycap.pack.pack_file import write_pack_file
from polycap.text.tokenizer import Tokenizer
from tiny import CODE, make_language

SAMPLES = 'samples = ["a red circle", "a blue bar"]\n'


@pytest.fixture(scope="module")
def maker(tiny_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a language with a pack, on the machine of who made it; read-only."""
    folder = make_language(tmp_path_factory.mktemp("maker"))
    (folder / "samples.toml").write_text(SAMPLES, encoding="utf-8")
    make_pack(folder / "pack", tiny_tokenizer)
    return folder


@pytest.fixture(scope="module")
def pack_file(maker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its pack as a file; read-only."""
    return write_pack_file(load_language(maker), tmp_path_factory.mktemp("file") / "tiny.polycap").path


@pytest.fixture
def other_file(tiny_tokenizer: Tokenizer, maker: Path, tmp_path: Path) -> Path:
    """Another pack of the same language."""
    pack = make_pack(tmp_path / "other", tiny_tokenizer, seed=1)
    return write_pack_file(load_language(maker), tmp_path / "other.polycap", pack=pack).path


# --- hooks ---


@pytest.fixture
def hooked(maker: Path, tmp_path: Path) -> Path:
    """A language folder with hooks, and its pack."""
    folder = shutil.copytree(maker, tmp_path / "hooked" / CODE)
    (folder / "hooks.py").write_text("def normalize(text):\n    return text\n")
    return folder
