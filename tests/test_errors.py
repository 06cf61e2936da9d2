"""Tests of polycap/errors.py."""

import json

import pytest

from polycap.errors import json_line, one_line, reason_of


@pytest.mark.parametrize(
    ("error", "named", "reason"),
    [
        (ValueError("one\n  two\tthree"), False, "one two three"),
        (ValueError("one\n  two"), True, "ValueError: one two"),
        (ValueError(), False, "ValueError"),
        (ValueError(" \n"), True, "ValueError"),
    ],
)
def test_the_reason_of_an_error_is_one_line(error: Exception, named: bool, reason: str) -> None:
    assert reason_of(error, named=named) == reason


HOSTILE = "a\x1b[2Jb\rc\nd\x9b5m\u2028\u202egpj.\u2066x\x7f"


def test_one_line_is_safe_and_keeps_every_script() -> None:
    assert one_line(HOSTILE) == r"a\x1b[2Jb\rc\nd\x9b5m\u2028\u202egpj.\u2066x\x7f"
    for text in ("ᠮᠣᠩᠭᠣᠯ\u202fхэл", "می\u200cخواهم", "क\u200dष", "👩\u200d👧", "\u200eabc\u200f"):
        assert one_line(text) == text


def test_json_line_keeps_the_value() -> None:
    text = json_line(json.dumps(HOSTILE, ensure_ascii=False))

    assert json.loads(text) == HOSTILE
    assert text.isprintable()
