"""Tests of polycap/translation/corrections.py."""

from pathlib import Path

import pytest

from polycap.errors import LanguageError
from polycap.language import Language, load_language
from polycap.translation.corrections import corrector
from polycap.translation.engine import Translation
from tiny import make_language
from translators import Book, make_dataset, rows, translate

TABLE = {"en l'": "a l'", "bote": "barca", "enfront di": "di fronte a", "di": "de"}


def folder_with(place: Path, tables: str) -> Language:
    path = make_language(place) / "language.toml"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{tables}\n", encoding="utf-8")
    return load_language(path.parent)


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("un bote e un botes", "un barca e un botes"),
        ("Bote. l'bote", "Barca. l'barca"),
        ("è enfront di una casa di legno", "è di fronte a una casa de legno"),
        ("nulla", "nulla"),
        ("en l'aire, men l'aire", "a l'aire, men l'aire"),
    ],
)
def test_whole_words_are_replaced(text: str, corrected: str) -> None:
    assert corrector(TABLE)(Translation(text, -0.5)) == Translation(corrected, -0.5)


def test_scripts_without_spaces_have_no_whole_words() -> None:
    assert corrector({"攀巖": "攀岩"}, spaced=False)(Translation("一個人在攀巖。")).text == "一個人在攀岩。"


def test_a_corrected_word_is_known() -> None:
    correct = corrector({"Frisbee": "frisbee", "enfront di": "di fronte a"})
    unknown = Translation("il frisbee enfront di lui", None, 3, ("frisbee", "enfront", "lui"))
    assert correct(unknown) == Translation("il frisbee di fronte a lui", None, 1, ("lui",))
    assert correct(Translation("un cane", None, 1)) == Translation("un cane", None, 1)


def test_a_folders_corrections_reach_its_captions(tmp_path: Path) -> None:
    language = folder_with(
        tmp_path, '[translation.gates]\nmax_unknown = 0.0\n[translation.corrections]\nbote = "barca"'
    )
    answers = {"a": Translation("un bote rojo", None, 1, ("bote",)), "b": Translation("un pato", None, 1, ("pato",))}
    dataset = make_dataset([["a"], ["b"]])
    report = translate(language, tmp_path / "x.jsonl", Book(answers), dataset)
    assert [row["caption"] for row in rows(report.out)] == ["un barca rojo"]
    assert report.gates["unknown"] == 1
    assert "unknown 1" in report.lines()[2]


@pytest.mark.parametrize("table", ['"a" = ""', '"a  b" = "c"', "a = 1", '"" = "a"'])
def test_corrections_that_are_no_words(table: str, tmp_path: Path) -> None:
    with pytest.raises(LanguageError, match=r"translation\.corrections: received .* allowed: a table of words"):
        folder_with(tmp_path, f"[translation.corrections]\n{table}")
