"""Fixtures of the tests of polycap/pipeline."""

import shutil
from pathlib import Path

import pytest

from builds import OTHER_TRANSLATION, STAGES, Place, edit, ran
from encoders import QuickEncoder, make_encoder
from polycap.dataset import read_captions
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import CELLS
from tiny import CODE, OTHER_CODE, make_data, make_language

_built: dict[str, Path] = {}


def make_place(folder: Path) -> Place:
    place = Place(folder)
    make_data(place.data)
    toml = make_language(folder / "languages", CODE) / "language.toml"
    edit(toml, "\n[tokenizer]", f"{OTHER_TRANSLATION}\n[tokenizer]")
    make_language(folder / "languages", OTHER_CODE)
    captions, _ = read_captions(place.data / "captions.txt")
    lines = [f"{name}#{c.index}\t{c.text} indeed\n" for name, found in captions.items() for c in found]
    place.captions.write_text("".join(lines), encoding="utf-8")
    return place


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> EncoderArtefact:
    """The encoder in use, of few channels."""
    return make_encoder(tmp_path_factory.mktemp("encoder"), cells=CELLS)


@pytest.fixture
def quick_encoder(artefact: EncoderArtefact) -> QuickEncoder:
    return QuickEncoder(artefact)


@pytest.fixture(autouse=True)
def _encoder(_offline: None, quick_encoder: QuickEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYCAP_ENCODER", str(quick_encoder.artefact.folder))
    monkeypatch.setattr("polycap.encoder.encoder.Encoder.load", lambda _: quick_encoder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Nothing is built here yet."""
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path / "languages"))
    return make_place(tmp_path)


@pytest.fixture
def built(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A copy of a place in which the first language is built."""
    if not _built:
        original = make_place(tmp_path_factory.mktemp("built"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POLYCAP_LANGUAGES", str(original.folder / "languages"))
            assert ran(original.first()) == STAGES
        _built["folder"] = original.folder
    place = Place(Path(shutil.copytree(_built["folder"], tmp_path / "copy")))
    for name in ("build.json", "install.stage.json"):
        edit(place.work / CODE / name, str(_built["folder"]), str(place.folder))
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(place.folder / "languages"))
    return place
