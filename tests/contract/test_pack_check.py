"""Tests of polycap/contract/pack_check.py."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from encoders import make_encoder
from language_folders import ENGLISH, faults_of, make_folder, outcomes
from polycap.contract import check_language
from polycap.encoder.artefact import EncoderArtefact
from polycap.language import load_language
from polycap.text.tokenizer import Tokenizer

# --- packs ---


def make_pack(folder: Path, texts: list[str], encoder: EncoderArtefact) -> None:
    """A pack with random weights and a tokenizer of these texts."""
    from polycap.decoder.weights import named_weights
    from polycap.pack.pack import save_pack
    from tiny import make_card, make_decoder  # loads TensorFlow, which the contract of a language without pack spares

    tokenizer = Tokenizer.train(texts, load_language(folder).tokenizer)
    decoder = make_decoder("merge", vocab_size=tokenizer.vocab_size)
    save_pack(folder / "pack", make_card(decoder, tokenizer, encoder), named_weights(decoder), tokenizer)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> EncoderArtefact:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True)
def _encoder_in_use(_offline: None, encoder: EncoderArtefact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYCAP_ENCODER", str(encoder.folder))


@pytest.fixture(scope="module")
def trained_folder(encoder: EncoderArtefact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language with a pack; read-only."""
    tables = "[decoding]\nbeam_width = 2\nmax_length = 8"
    folder = make_folder(tmp_path_factory.mktemp("trained"), tables=tables)
    language = load_language(folder)
    make_pack(folder, [language.normalize(sample) for sample in ENGLISH], encoder)
    return folder


@pytest.fixture
def trained(trained_folder: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(trained_folder, tmp_path / "qaa")


def test_a_good_pack(trained: Path) -> None:
    assert outcomes(check_language(trained))["pack"] == "ok"
    report = check_language(trained, pack=False)
    assert "  skipped  pack: not requested" in report.lines()


def test_a_pack_of_another_language(trained: Path) -> None:
    path = trained / "pack" / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "language": "qab"}))
    (fault,) = faults_of(trained, "pack", pack=True)
    assert fault.endswith("received a pack of qab; allowed: one of qaa; fix: train one with `polycap train qaa`")


@pytest.mark.parametrize("name", ["decoder.safetensors", "tokenizer.model", "card.json"])
def test_a_truncated_pack(trained: Path, name: str) -> None:
    path = trained / "pack" / name
    path.write_bytes(path.read_bytes()[:-9])
    (fault,) = faults_of(trained, "pack", pack=True)
    assert name in fault
    assert faults_of(trained) == []  # not requested


def test_a_pack_whose_captions_are_not_normal(trained: Path, encoder: EncoderArtefact) -> None:
    make_pack(trained, [sample.upper() for sample in ENGLISH], encoder)
    faults = faults_of(trained, "pack", pack=True)
    assert "the pack was trained with other settings" in faults[0]
    assert not faults[0].split("received '")[1].split("'")[0].islower()


@pytest.mark.parametrize("mark", ["’", "Q", "7"])
def test_a_pack_with_a_piece_that_is_not_normal(trained: Path, mark: str, encoder: EncoderArtefact) -> None:
    """A vocabulary of other normalisation is a fault that two captions need not show."""
    with (trained / "language.toml").open("a") as stream:
        stream.write('\n[text]\nstrip_tatweel = true\nkeep_in_words = "\'"')
    normal = [load_language(trained).normalize(sample) for sample in ENGLISH]
    make_pack(trained, [*normal, f"o{mark}clock", "o'clock"], encoder)
    if mark == "7":  # a digit is normal, and so is the apostrophe
        assert faults_of(trained, pack=True) == []
    else:
        assert mark in faults_of(trained, "pack", pack=True)[0]


# --- in other processes ---


def test_no_tensorflow_without_a_pack(trained: Path) -> None:
    code = "import sys; from polycap.contract import check_language; r = check_language(sys.argv[1], pack=False)\n"
    code += "assert not r.faults and not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, trained], check=True)
