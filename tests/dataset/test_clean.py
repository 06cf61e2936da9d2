"""Tests of polycap/dataset/clean.py."""

from pathlib import Path

import pytest

from polycap.dataset import read_captions
from polycap.dataset.check import check_dataset
from polycap.dataset.clean import clean_caption


@pytest.mark.parametrize(
    ("text", "clean", "wrong"),
    [
        ("a dog &amp; a cat", "a dog & a cat", "HTML"),
        ("it&#39;s &quot;big&quot;", 'it\'s "big"', "HTML"),
        ("a &amp;amp; b", "a & b", "HTML"),
        ("<p>a <b>dog</b>s run<br/>fast</p>", "a dogs run fast", "HTML"),
        ("Ein MÃ¤dchen lÃ¤uft", "Ein Mädchen läuft", "text that was encoded twice"),
        ("MÃ¤dchen läuft", "Mädchen läuft", "text that was encoded twice"),
        ("Ð¡Ð¾Ð±Ð°ÐºÐ° Ð±ÐµÐ¶Ð¸Ñ‚", "Собака бежит", "text that was encoded twice"),
        ("&lt;i&gt;â€œMÃ¤dchenâ€\x9d", "“Mädchen”", "HTML and text that was encoded twice"),
        *((text, text, "") for text in ("die I <3 You Kart", "R&B", "AT&T; x < y > z", "«É» „CAFÉ”", "Îles à l’été…")),
    ],
)
def test_captions_are_read_without_html_and_double_encoding(text: str, clean: str, wrong: str) -> None:
    assert clean_caption(text) == (clean, wrong)
    assert clean_caption(clean) == (clean, "")


def test_check_names_captions_that_are_not_clean_with_their_place(folder: Path) -> None:
    rows = [
        "a.jpg#0\ta dog &amp; a cat",
        "a.jpg#1\t...",
        "a.jpg#2\t👍🏽",
        "b.jpg#0\tein MÃ¤dchen",
        "c.jpg#0\t2",
        "d.jpg#0\t狗",
    ]
    path = folder / "Flickr8k.token.txt"
    path.write_text("\n".join(rows), encoding="utf-8")
    assert [str(fault) for fault in check_dataset(folder, decode=False).faults if ".txt:" in fault.where] == [
        "Flickr8k.token.txt:1: HTML in a caption of 'a.jpg'; read as 'a dog & a cat'",
        "Flickr8k.token.txt:2: no word in '...', a caption of 'a.jpg'; left out",
        "Flickr8k.token.txt:3: no word in '👍🏽', a caption of 'a.jpg'; left out",
        "Flickr8k.token.txt:4: text that was encoded twice in a caption of 'b.jpg'; read as 'ein Mädchen'",
    ]
    assert [[c.text for c in found] for found in read_captions(path)[0].values()] == [
        ["a dog & a cat"],
        ["ein Mädchen"],
        ["2"],
        ["狗"],
    ]
