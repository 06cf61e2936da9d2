"""Caption tables: Kaggle's `captions.txt` and any CSV whose header names an image and a caption column."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polycap.dataset.dataset import DatasetFault

__all__ = ["CaptionRow", "find_columns", "parse_index", "table_rows"]

_NAMES = {
    "photo": ("image", "image_name", "photo", "filename", "file_name", "file"),
    "text": ("caption", "comment", "sentence", "text"),
    "index": ("index", "caption_index", "caption_number", "comment_number"),
    "split": ("split",),
}
_DELIMITERS = ",\t;|"
# A quoted caption may hold line breaks. Past this many lines an open quote is a mistake of its own line,
# and must not swallow the rest of the file.
_LONGEST_CELL = 10


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """One caption as a file has it; what the file does not say is None."""

    where: str
    photo: str
    text: str
    index: int | None = None
    split: str | None = None
    origin: str | None = None
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """A header, read: the delimiter, the number of columns, and where each known one stands."""

    delimiter: str
    width: int
    places: dict[str, int]


def parse_index(text: str) -> int | None:
    """The number that `text` (ASCII digits) writes, or None."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def find_columns(header: str) -> Columns | None:
    """What a header line names, or None when it is not one of a caption table."""
    for delimiter in _DELIMITERS:
        names = [name.strip().lower() for name in _split(header, delimiter) or []]
        places = {
            kind: next(names.index(name) for name in known if name in names)
            for kind, known in _NAMES.items()
            if any(name in names for name in known)
        }
        if "photo" in places and "text" in places:
            return Columns(delimiter, len(names), places)
    return None


def table_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    """The rows of a caption table whose first filled line is a header."""
    lines = text.split("\n")
    number = next(i for i, line in enumerate(lines) if line.strip())
    columns = find_columns(lines[number])
    if columns is None:
        raise ValueError(f"{path}: find_columns refuses this header")
    number += 1
    while number < len(lines):
        cells, used = _record(lines, number, columns)
        where = f"{path.name}:{number + 1}"
        if cells is None:
            yield DatasetFault(where, f"malformed row {lines[number][:60]!r}; its quotes don't close")
        elif cells:
            yield _row(where, cells, columns)
        number += used


def _split(text: str, delimiter: str) -> list[str] | None:
    """The cells of one record, or None when its quotes don't close."""
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except csv.Error:
        return None


def _record(lines: list[str], number: int, columns: Columns) -> tuple[list[str] | None, int]:
    """The cells of the record that starts at a line (empty for a blank line), and how many lines it takes."""
    if not lines[number].strip():
        return [], 1
    cells = _split(lines[number], columns.delimiter)
    if cells is not None:
        return cells, 1
    for used in range(2, min(_LONGEST_CELL, len(lines) - number) + 1):
        cells = _split("\n".join(lines[number : number + used]), columns.delimiter)
        if cells is not None and len(cells) == columns.width:
            return cells, used
    return None, 1


def _row(where: str, cells: list[str], columns: Columns) -> CaptionRow | DatasetFault:
    if len(cells) != columns.width:
        fix = "quote a caption that holds commas" if len(cells) > columns.width else "fill the row"
        return DatasetFault(where, f"malformed row: {len(cells)} fields where the header has {columns.width}; {fix}")
    values = {kind: cells[place].strip() for kind, place in columns.places.items()}
    if not values["photo"]:
        return DatasetFault(where, "malformed row: no photo is named")
    index = None
    if "index" in values:
        index = parse_index(values["index"])
        if index is None:
            return DatasetFault(where, f"malformed row: caption number {values['index']!r}; expected 0, 1, …")
    return CaptionRow(where, values["photo"], values["text"], index, values.get("split"))
