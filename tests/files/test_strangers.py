"""JSON and TOML of strangers: one sentence, quickly, whatever is in them."""

import os
import time
from pathlib import Path

import pytest

from polycap.errors import PackError
from polycap.files.strangers import MOST_DEPTH, MOST_PARTS, parse_json, parse_toml, read_json, read_toml

SAMPLE = """
code = "de"   # a comment with " and ' and a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r
text = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s [[[[[[[[[[[[[[[[[[[[[["
long = \"\"\"
a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t "two" quotes \\\"\"\" {{{{{{{{{{{{{{{{{{{{
\"\"\"\"
other = '''[[[[[[[[[[[[[[[[[[[[[[[[ it''s '''
[a."b.c".d]
numbers = [1.5, 2.5]
"""


def test_toml_of_people_is_read() -> None:
    table = parse_toml(SAMPLE)

    assert table["code"] == "de"
    assert table["a"] == {"b.c": {"d": {"numbers": [1.5, 2.5]}}}
    assert table["long"].endswith('{\n"')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{'a.' * 20_000}a = 1", "more than 16 parts"),
        ('"a" . ' * 1_100 + "a = 1", "more than 16 parts"),
        (f"[{'a.' * 1_100}a]", "more than 16 parts"),
        (f"a = {'[' * 40_000}", "more than 16 deep"),
        (f"a = {'{b=' * 100}1{'}' * 100}", "more than 16 deep"),
        (f'a = "{"b" * 200_000}"', "a line has more than 100,000 characters"),
        ("a = 1\n" * 400_000, "larger than 1,000,000 bytes"),
        ('"""' * 3_000 + '\\"""' * 20_000, "line"),
        ("a" * 99_999, "Expected '='"),
    ],
)
def test_toml_beyond_the_limits_is_refused_at_once(text: str, reason: str) -> None:
    start = time.monotonic()

    with pytest.raises(ValueError, match=reason):
        parse_toml(text)

    assert time.monotonic() - start < 2


def test_a_key_of_the_allowed_parts_is_read() -> None:
    assert parse_toml(f"{'a.' * (MOST_PARTS - 1)}b = 1")


def test_json_is_read_to_its_depth() -> None:
    assert parse_json(f"{'[' * MOST_DEPTH}{']' * MOST_DEPTH}")
    for depth in (MOST_DEPTH + 1, 900):
        with pytest.raises(ValueError, match="nested more than 64 deep"):
            parse_json(f"{'[' * depth}{']' * depth}")
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        parse_json('{"a":' * 65 + "1" + "}" * 65)


def test_json_beyond_the_limits_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    for content, reason in (
        (b"[" * 100_000, "nested"),
        (b'"\xff"', "utf-8"),
        (b"[1]" * 400, "larger than 1,000 bytes"),
    ):
        path.write_bytes(content)
        with pytest.raises(PackError, match=reason):
            read_json(path, PackError, most_bytes=200_000 if content[:2] == b"[[" else 1_000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "language.toml"
    os.mkfifo(path)

    with pytest.raises(OSError, match="no regular file"):
        read_toml(path)
    with pytest.raises(PackError, match="no regular file"):
        read_json(path, PackError)
