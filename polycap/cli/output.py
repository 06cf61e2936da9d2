"""Output of the commands: results to stdout, notes to stderr, each flushed at once."""

import codecs
import json
import sys
from collections.abc import Iterable
from typing import Any

from polycap.cli import name_options
from polycap.errors import json_line, one_line

__all__ = [
    "json_text",
    "name_as_bytes",
    "print_json",
    "print_line",
    "print_lines",
    "print_note",
    "print_notes",
    "print_row",
    "print_scores",
]


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON that stdout can write: in ASCII where its encoding, by PYTHONIOENCODING, is not UTF-8.

    The bytes of a file's name that are not UTF-8 are escaped, and control characters that a terminal would obey.
    """
    text = json_line(json.dumps(value, ensure_ascii=not _is_utf8(sys.stdout), indent=indent))
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_utf8(stream: Any) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name == "utf-8"


def name_as_bytes(line: str, encoding: str | None = None) -> str:
    """Return a file's name so that its bytes are printed, in a locale whose file names are not UTF-8.

    Args:
        line: text with a file's name.
        encoding: encoding of file names. (default: the system's)
    """
    encoding = encoding or sys.getfilesystemencoding()
    if codecs.lookup(encoding).name == "utf-8" or not _is_utf8(sys.stdout):
        return line
    return line.encode(encoding, "surrogateescape").decode("utf-8", "surrogateescape")


def print_json(value: Any) -> None:
    print(json_text(value, indent=2), flush=True)


def print_line(text: object) -> None:
    """Print a text as one line, with control characters escaped."""
    print(one_line(text), flush=True)


def print_lines(lines: Iterable[object]) -> None:
    for line in lines:
        print_line(line)


def print_row(row: dict[str, Any]) -> None:
    for key, value in row.items():
        print_line(f"{key:20} {value}")


def print_scores(row: dict[str, Any]) -> None:
    from polycap.evaluation.summary import summary_lines

    print_lines(summary_lines(row))


def print_note(message: str) -> None:
    print(f"polycap: {one_line(name_options(message))}", file=sys.stderr, flush=True)


def print_notes(messages: Iterable[object]) -> None:
    for message in messages:
        print_note(str(message))
