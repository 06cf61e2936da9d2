"""Tests of polycap/cli/translate.py."""

import json
import textwrap
from pathlib import Path

import pytest

from polycap.dataset import load_dataset, read_captions
from tiny import CODE, Finished, make_data, make_language, run_polycap

# --- the command, with an engine that another package brings ---

ENGINE = """
from polycap.translation.engine import Translation

class Translator:
    identity = "pigeon/1.0"
    def translate(self, texts):
        return [Translation(text.replace("white", "coo") if "bar" not in text else "") for text in texts]

class Engine:
    name = "pigeon"
    def pairs(self):
        return [("en", "coo")]
    def open(self, source, target):
        print("opened", source, target)
        return Translator()
    def install_file(self, path, pair):
        print("installed", path)
    def install_pair(self, source, target):
        print("fetched", source, target)
"""


@pytest.fixture
def pigeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny data, a language, and an installed engine; the folder to work in."""
    site = tmp_path / "site"
    info = site / "pigeon-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "polycap_pigeon.py").write_text(textwrap.dedent(ENGINE))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[polycap.translators]\npigeon = polycap_pigeon:Engine\n")
    monkeypatch.syspath_prepend(str(site))
    make_data(tmp_path / "data")
    folder = make_language(tmp_path / "languages")
    gates = '\n[translation]\nengine = "pigeon"\ntarget = "coo"\n\n[translation.gates]\nmax_copied = 1.0\n'
    (folder / "language.toml").write_text((folder / "language.toml").read_text() + gates)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path / "languages"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*options: object) -> Finished:
    return run_polycap("translate", CODE, "--data", "data", *options)


def test_translate_by_command(pigeon: Path) -> None:
    found = command("--sample", 3, "--html", "page.html", "--package", "x.pigeon", "--install")
    assert found.status == 0, found
    lines = found.out.splitlines()
    assert lines[:3] == ["installed x.pigeon", "fetched en coo", "opened en coo"]
    assert lines[3] == "A red circle on white. │ A red circle on coo."
    assert lines[-3:] == [
        f"60 captions (60 different) into {CODE} by mt:pigeon/1.0",
        "kept 40 in translations/qaa.jsonl",
        "dropped 20 (33.33%) in translations/qaa.dropped.jsonl: empty 20",
    ]
    assert (pigeon / "page.html").is_file()
    captions, _ = read_captions(pigeon / "translations" / "qaa.jsonl")
    assert {caption.origin for found in captions.values() for caption in found} == {"mt:pigeon/1.0"}


@pytest.mark.usefixtures("pigeon")
def test_a_package_alone() -> None:
    """As `polycap caption --via` needs it, of somebody who has no dataset."""
    assert run_polycap("translate", CODE, "--install") == Finished(0, "fetched en coo\n", "")
    assert "name the dataset with --data, or a package" in run_polycap("translate", CODE).fault()


def test_translate_by_command_in_json(pigeon: Path) -> None:
    found = command("--json", "--sample", 2, "--out", pigeon / "x.jsonl")
    value = json.loads(found.out.split("\n", 1)[1])  # the engine has printed a line
    assert (value["kept"], value["dropped"], value["gates"]["empty"]) == (40, 20, 20)
    assert value["sample"][0]["source"] == "A red circle on white."
    assert value["dropped_file"] == str(pigeon / "x.dropped.jsonl")


def test_mistakes_of_the_command(pigeon: Path) -> None:
    assert "no translation engine 'owl'; there are" in command("--engine", "owl").fault()
    assert "no translation engine 'owl'; there are" in command("--engine", "owl", "--install").fault()
    make_language(pigeon / "languages", "qab")
    assert "which translates nothing" in run_polycap("translate", "qab", "--data", "data").fault()
    first = command()
    assert first.status == 0
    manifest = pigeon / "translations" / "qaa.journal" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("pigeon/1.0", "pigeon/0.9"))
    assert (
        "started with pigeon/0.9, not pigeon/1.0; continue as it was started, choose another --out" in command().fault()
    )


def test_translated_captions_are_of_the_dataset(pigeon: Path) -> None:
    command()
    captions, _ = read_captions(pigeon / "translations" / "qaa.jsonl")
    dataset = load_dataset(pigeon / "data").with_captions(captions)
    assert dataset.caption_origin == "mt:pigeon/1.0"
    assert len(dataset.photos) == 8  # the bars were dropped
