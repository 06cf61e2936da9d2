"""Output of the commands: results to stdout, notes to stderr, each flushed at once."""

import json
import sys
from collections.abc import Iterable
from typing import Any

from polycap.cli import name_options
from polycap.errors import one_line

__all__ = ["print_json", "print_note", "print_notes", "print_row", "print_scores"]


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2), flush=True)


def print_row(row: dict[str, Any]) -> None:
    for key, value in row.items():
        print(f"{key:20} {value}", flush=True)


def print_scores(row: dict[str, Any]) -> None:
    from polycap.evaluation.summary import summary_lines

    print("\n".join(summary_lines(row)), flush=True)


def print_note(message: str) -> None:
    print(f"polycap: {one_line(name_options(message))}", file=sys.stderr, flush=True)


def print_notes(messages: Iterable[object]) -> None:
    for message in messages:
        print_note(str(message))
