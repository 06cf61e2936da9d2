"""Tests of polycap/translation/translate.py."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from polycap.dataset import ReferenceCaption, read_captions
from polycap.errors import PolycapError, TranslationError
from polycap.language import Language
from polycap.translation.choose import EngineChoice, choose_engine
from polycap.translation.engine import Translation
from tiny import CODE
from translators import SMALL, Book, Fake, make_dataset, rows, translate

ORIGIN = "mt:fake/en_xx@1.0"


# --- what comes out ---


def test_each_caption_is_translated_once_and_has_a_row(language: Language, tmp_path: Path) -> None:
    engine = Fake()
    report = translate(language, tmp_path / "xx.jsonl", engine)
    assert engine.asked == [["a bird flies away", "a dog runs"], ["the sea", "two cats sleep"]]
    assert (report.captions, report.unique, report.kept, report.origin) == (5, 4, 5, ORIGIN)
    first = {"image": "p000.jpg", "index": 0, "source": "a dog runs", "caption": "a god snur"}
    assert rows(report.out)[0] == {**first, "origin": ORIGIN, "score": -0.1}
    assert [(row["image"], row["index"]) for row in rows(report.out)] == [
        ("p000.jpg", 0),
        ("p000.jpg", 1),
        ("p001.jpg", 0),
        ("p001.jpg", 1),
        ("p002.jpg", 0),
    ]
    assert rows(report.dropped) == []
    assert report.lines()[0] == f"5 captions (4 different) into {CODE} by {ORIGIN}"


def test_the_output_is_a_caption_file_with_origin(language: Language, tmp_path: Path) -> None:
    report = translate(language, tmp_path / "xx.jsonl")
    captions, faults = read_captions(report.out, "human")
    assert faults == []
    assert captions["p002.jpg"] == (ReferenceCaption(0, "eht aes", ORIGIN),)
    assert SMALL.caption_origin == "human"
    assert SMALL.with_captions(captions).caption_origin == ORIGIN


def test_dropped_captions_do_not_stop_the_others(language: Language, tmp_path: Path) -> None:
    answers = {
        "a dog runs": Translation("", -0.5),
        "a bird flies away": Translation("كلب يجري هنا", -0.5),
        "the sea": Translation("das Meer\nist <b>", float("nan")),
        "two cats sleep": Translation("zwei schlafen schlafen schlafen \ud800", -0.5),
    }
    report = translate(language, tmp_path / "xx.jsonl", Book(answers))
    assert rows(report.out) == [
        {"image": "p002.jpg", "index": 0, "source": "the sea", "caption": "das Meer ist <b>"}
        | {"origin": "mt:book/1", "score": None}
    ]
    assert report.gates == {
        "empty": 2,
        "copied": 0,
        "script": 1,
        "length": 0,
        "repeats": 1,
        "unknown": 0,
        "same": 0,
        "score": 0,
    }
    dropped = rows(report.dropped)
    assert [list(row["dropped"]) for row in dropped] == [["empty"], ["repeats"], ["empty"], ["script"]]
    assert dropped[1]["dropped"]["repeats"] == "the same words 3 times"
    value = report.to_json()
    assert (value["kept"], value["dropped"], value["gates"]["empty"]) == (1, 4, 2)
    assert "dropped 4 (80.00%)" in report.lines()[2]


def test_filters_are_applied_to_the_journal(language: Language, tmp_path: Path) -> None:
    """After a change of settings, no caption is translated again."""
    translate(language, tmp_path / "xx.jsonl")
    gates = language.translation.gates.model_copy(update={"drop_lowest": 0.25})
    table = language.translation.model_copy(update={"gates": gates})
    strict = language.model_copy(update={"translation": table})
    engine = Fake()
    report = translate(strict, tmp_path / "xx.jsonl", engine)
    assert engine.asked == []
    assert (report.kept, report.gates["score"]) == (4, 1)
    assert rows(report.dropped)[0]["source"] == "a bird flies away"


def test_a_dataset_without_captions(language: Language, tmp_path: Path) -> None:
    report = translate(language, tmp_path / "xx.jsonl", dataset=make_dataset([]))
    assert (report.captions, report.kept, report.out.read_bytes()) == (0, 0, b"")
    assert "0.00%" in report.lines()[2]


# --- engines that misbehave ---


def test_fewer_translations_than_captions(language: Language, tmp_path: Path) -> None:
    class Lazy(Fake):
        def translate(self, texts: Sequence[str]) -> list[Translation]:
            return super().translate(texts)[:-1]

    message = r"fake/en_xx@1.0: returned 1 translations of 2 captions; expected as many"
    with pytest.raises(TranslationError, match=message):
        translate(language, tmp_path / "xx.jsonl", Lazy())
    assert not (tmp_path / "xx.jsonl").exists()


def test_an_identity_that_is_no_origin(language: Language, tmp_path: Path) -> None:
    engine = Fake()
    engine.identity = "my engine"
    with pytest.raises(TranslationError, match="'my engine': has a space"):
        translate(language, tmp_path / "xx.jsonl", engine)


def test_a_place_that_is_a_file(language: Language, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PolycapError, match="can't make this folder"):
        translate(language, tmp_path / "file" / "xx.jsonl")


# --- which engine ---


def test_the_folder_names_the_engine(language: Language) -> None:
    def facts(**values: str) -> Language:
        table = language.translation.model_copy(update=values)
        return language.model_copy(update={"translation": table})

    brazilian = facts(engine="argos", target="pb")
    assert choose_engine(brazilian) == EngineChoice("argos", "en", "pb")
    assert choose_engine(brazilian, source="de") == EngineChoice("argos", "de", "pb")
    assert choose_engine(brazilian, "other") == EngineChoice("other", "en", CODE)
    assert choose_engine(language, "other", "a", "b") == EngineChoice("other", "a", "b")
    for engine in ("none", "captions"):
        with pytest.raises(TranslationError, match=f'received "{engine}", which translates nothing; name an engine'):
            choose_engine(facts(engine=engine))


def test_a_caption_without_a_word_is_never_handed_to_an_engine(language: Language, tmp_path: Path) -> None:
    engine = Fake()
    report = translate(language, tmp_path / "xx.jsonl", engine, make_dataset([["a dog runs", "..."]]))
    assert engine.asked == [["a dog runs"]]
    assert (report.captions, report.kept, report.gates["empty"]) == (2, 1, 1)
    assert rows(report.dropped)[0]["dropped"] == {"empty": "no letter or digit in the source"}
