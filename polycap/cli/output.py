"""Output of the commands: results to stdout, notes to stderr, each flushed at once."""

import json
import sys
from collections.abc import Iterable
from typing import Any

from polycap.cli import name_options
from polycap.errors import json_line, one_line

__all__ = ["print_json", "print_line", "print_lines", "print_note", "print_notes", "print_row", "print_scores"]


def print_json(value: Any) -> None:
    print(json_line(json.dumps(value, ensure_ascii=False, indent=2)), flush=True)


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
