"""Helpers of the tests in tests/pack."""

import shutil
from pathlib import Path

import pytest

from encoders import make_encoder, make_pca
from pack_files import make_pack
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import CELLS, CHANNELS
from polycap.language import load_language
from polycap.pack.pack_file import write_pack_file
from polycap.text.tokenizer import Tokenizer
from tiny import CODE, make_language

SAMPLES = 'samples = ["a red circle", "a blue bar"]\n'


@pytest.fixture(scope="module")
def large_encoder(tmp_path_factory: pytest.TempPathFactory) -> EncoderArtefact:
    """An artefact whose PCA and photo layers read what Xception gives."""
    return make_encoder(tmp_path_factory.mktemp("encoder"), pca=make_pca(channels=CHANNELS), cells=CELLS)


@pytest.fixture(autouse=True)
def _encoder_in_use(_offline: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the packs below, in tests that use them."""
    if "large_encoder" in request.fixturenames:
        monkeypatch.setenv("POLYCAP_ENCODER", str(request.getfixturevalue("large_encoder").folder))


@pytest.fixture(scope="module")
def maker(tiny_tokenizer: Tokenizer, large_encoder: EncoderArtefact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a language with a pack, on the machine of who made it; read-only."""
    folder = make_language(tmp_path_factory.mktemp("maker"))
    (folder / "samples.toml").write_text(SAMPLES, encoding="utf-8")
    make_pack(folder / "pack", tiny_tokenizer, large_encoder)
    return folder


@pytest.fixture(scope="module")
def pack_file(maker: Path, large_encoder: EncoderArtefact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its pack as a file; read-only."""
    out = tmp_path_factory.mktemp("file") / "tiny.polycap"
    return write_pack_file(load_language(maker), out, encoder=large_encoder.folder).path


@pytest.fixture
def other_file(tiny_tokenizer: Tokenizer, large_encoder: EncoderArtefact, maker: Path, tmp_path: Path) -> Path:
    """Another pack of the same language."""
    pack = make_pack(tmp_path / "other", tiny_tokenizer, large_encoder, seed=1)
    return write_pack_file(load_language(maker), tmp_path / "other.polycap", pack=pack).path


# --- hooks ---


@pytest.fixture
def hooked(maker: Path, tmp_path: Path) -> Path:
    """A language folder with hooks, and its pack."""
    folder = shutil.copytree(maker, tmp_path / "hooked" / CODE)
    (folder / "hooks.py").write_text("def normalize(text):\n    return text\n")
    return folder
