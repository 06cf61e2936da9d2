"""Tests of polycap/translation/page.py."""

from pathlib import Path

from polycap.language import Language
from polycap.translation.engine import Translation
from polycap.translation.page import write_report
from polycap.translation.sample import TranslatedPair, aligned_lines, dropped_examples, sample_of
from translators import Book, make_dataset, translate

# --- for people ---


def test_sample_is_even(language: Language, tmp_path: Path) -> None:
    dataset = make_dataset([[f"word {'x' * n}"] for n in range(10)])
    report = translate(language, tmp_path / "xx.jsonl", dataset=dataset)
    kept = [f"p{n:03d}.jpg" for n in range(10)]
    assert [pair.image for pair in sample_of(report, 5)] == kept[::2]
    assert [pair.image for pair in sample_of(report, 99)] == kept
    assert sample_of(report, 0) == []
    assert aligned_lines([TranslatedPair("a", 0, "a dog", "Hund"), TranslatedPair("b", 0, "x" * 70, "y")]) == [
        "a dog" + " " * 59 + " │ Hund",
        "x" * 70 + " │ y",
    ]


def test_the_page(language: Language, tmp_path: Path) -> None:
    facts = {"direction": "rtl", "code": "ar", "script": "Arab", "native_name": "العربية"}
    arabic = language.model_copy(update=facts)
    answers = {
        "a dog runs": Translation("كلب <b>يجري</b>", -0.25),
        "a bird flies away": Translation("a bird flies away"),
        "the sea": Translation(""),
        "two cats sleep": Translation("قطتان نائمتان", -1.5),
    }
    report = translate(arabic, tmp_path / "ar.jsonl", Book(answers))
    assert [pair.source for pair in dropped_examples(report, "copied")] == ["a bird flies away"]
    write_report(tmp_path / "page.html", arabic, report, sample_of(report))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<td lang="ar" dir="rtl">كلب &lt;b&gt;يجري&lt;/b&gt;</td>' in page
    assert '<td lang="en" dir="ltr">a dog runs<span' in page
    assert "−0.25" in page
    assert "100% of its words are the source&#39;s" in page
    assert "mt:book/1 · 5 captions, 4 different" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
