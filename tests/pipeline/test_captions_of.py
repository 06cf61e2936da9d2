"""Tests of `[translation] captions_of`: which captions are translated, and what their origins say."""

import json
from pathlib import Path

import pytest

from polycap.dataset import CaptionSource
from polycap.errors import BuildError, LanguageError
from polycap.language import Language, load_language
from polycap.metrics.scores import _in_signature
from polycap.pipeline.job import built_captions, captions_to_translate
from polycap.translation.translate import translate_captions
from tiny import make_language
from translators import SMALL, Fake, rows

TABLE = '\n[translation]\nengine = "apertium"\ncaptions_of = "{code}"\n'


def language_of(place: Path, code: str) -> Language:
    path = make_language(place) / "language.toml"
    path.write_text(path.read_text(encoding="utf-8") + TABLE.format(code=code), encoding="utf-8")
    return load_language(path.parent)


@pytest.fixture
def language(tmp_path: Path) -> Language:
    return language_of(tmp_path / "languages", "es")


def test_captions_of_a_build_are_translated_with_their_origins(language: Language, tmp_path: Path) -> None:
    lines = [
        {"image": "p000.jpg", "index": 0, "caption": "un perro", "origin": "mt:nllb"},
        {"image": "p001.jpg", "index": 3, "caption": "un gato", "origin": "human", "weight": 2},
    ]
    built = built_captions(tmp_path / "work", "es")
    built.parent.mkdir(parents=True)
    built.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    dataset = captions_to_translate(language, SMALL, tmp_path / "work")
    report = translate_captions(dataset, language, Fake(), tmp_path / "out.jsonl")
    assert report.origin == "mt:fake/en_xx@1.0<human+mt:fake/en_xx@1.0<mt:nllb"
    assert [(row["source"], row["origin"], row.get("weight")) for row in rows(report.out)] == [
        ("un perro", "mt:fake/en_xx@1.0<mt:nllb", None),
        ("un gato", "mt:fake/en_xx@1.0<human", 2),
    ]


def test_files_go_before_a_build(language: Language, tmp_path: Path) -> None:
    file = tmp_path / "es.txt"
    file.write_text("p002.jpg#1\tel mar\n", encoding="utf-8")
    dataset = captions_to_translate(language, SMALL, tmp_path, [CaptionSource(file, "mt:nllb")])
    assert [(photo.name, photo.captions[0].text, photo.captions[0].origin) for photo in dataset.photos] == [
        ("p002.jpg", "el mar", "mt:nllb")
    ]


def test_without_captions_of_the_datasets_own_are_translated(tmp_path: Path) -> None:
    assert captions_to_translate(load_language(make_language(tmp_path)), SMALL, tmp_path) is SMALL


def test_a_language_without_captions(language: Language, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"from captions of es, of which there are none in .*: build es with this"):
        captions_to_translate(language, SMALL, tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(LanguageError, match=r"captions_of: received .* allowed: the code of another language"):
        language_of(tmp_path, make_language(tmp_path / "x").name)
    path = make_language(tmp_path / "y") / "language.toml"
    table = TABLE.format(code="es").replace("apertium", "captions")
    path.write_text(path.read_text(encoding="utf-8") + table, encoding="utf-8")
    with pytest.raises(LanguageError, match=r"name an engine, or remove captions_of"):
        load_language(path.parent)


def test_a_signature_keeps_the_way() -> None:
    assert _in_signature("mt:apertium/spa-cat@2.2.0-3<mt:nllb") == "mt.apertium.spa-cat.2.2.0-3<mt.nllb"
