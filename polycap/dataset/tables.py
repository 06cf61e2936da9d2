"""Caption tables: Kaggle's `captions.txt`, and any CSV with a header that names an image and a caption column."""

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
# A quoted caption may contain line breaks. An open quote that does not close within this many lines is a fault of its
# own line, and must not consume the rest of the file.
_MAX_LINES_PER_RECORD = 10


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """Row of a caption file.

    Attributes:
        where: file and line of the row.
        photo: name of the photo.
        text: text of the caption.
        index, split, origin, weight: as in `ReferenceCaption` and `Photo`. (default: None, not in the file)
    """

    where: str
    photo: str
    text: str
    index: int | None = None
    split: str | None = None
    origin: str | None = None
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a table.

    Attributes:
        delimiter: character between two cells.
        width: number of columns.
        positions: position of each known column, from 0, by kind: photo, text, index, split.
    """

    delimiter: str
    width: int
    positions: dict[str, int]


def parse_index(text: str) -> int | None:
    """Return the number that `text` writes in ASCII digits, or None."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def find_columns(header: str) -> Columns | None:
    """Return the columns of a header line, or None if it is not the header of a caption table."""
    for delimiter in _DELIMITERS:
        names = [name.strip().lower() for name in _split(header, delimiter) or []]
        positions = {
            kind: next(names.index(name) for name in known if name in names)
            for kind, known in _NAMES.items()
            if any(name in names for name in known)
        }
        if "photo" in positions and "text" in positions:
            return Columns(delimiter, len(names), positions)
    return None


def table_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows and faults of a caption table. Its first line that is not blank must be a header.

    Raises:
        ValueError: `find_columns` does not accept the header.
    """
    lines = text.split("\n")
    number = next(index for index, line in enumerate(lines) if line.strip())
    columns = find_columns(lines[number])
    if columns is None:
        raise ValueError(f"{path}: find_columns refuses this header")
    number += 1
    while number < len(lines):
        cells, line_count = _read_record(lines, number, columns)
        where = f"{path.name}:{number + 1}"
        if cells is None:
            yield DatasetFault(where, f"malformed row {lines[number][:60]!r}; its quotes don't close")
        elif cells:
            yield _parse_row(where, cells, columns)
        number += line_count


def _split(text: str, delimiter: str) -> list[str] | None:
    """Split a record into its cells; None if its quotes don't close."""
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except csv.Error:
        return None


def _read_record(lines: list[str], number: int, columns: Columns) -> tuple[list[str] | None, int]:
    """Return the cells and the number of lines of the record that starts at a line.

    The cells are empty for a blank line, and None for a record whose quotes don't close.
    """
    if not lines[number].strip():
        return [], 1
    cells = _split(lines[number], columns.delimiter)
    if cells is not None:
        return cells, 1
    for line_count in range(2, min(_MAX_LINES_PER_RECORD, len(lines) - number) + 1):
        cells = _split("\n".join(lines[number : number + line_count]), columns.delimiter)
        if cells is not None and len(cells) == columns.width:
            return cells, line_count
    return None, 1


def _parse_row(where: str, cells: list[str], columns: Columns) -> CaptionRow | DatasetFault:
    """Parse the cells of a record."""
    if len(cells) != columns.width:
        fix = "quote a caption that holds commas" if len(cells) > columns.width else "fill the row"
        return DatasetFault(where, f"malformed row: {len(cells)} fields where the header has {columns.width}; {fix}")
    values = {kind: cells[position].strip() for kind, position in columns.positions.items()}
    if not values["photo"]:
        return DatasetFault(where, "malformed row: no photo is named")
    index = None
    if "index" in values:
        index = parse_index(values["index"])
        if index is None:
            return DatasetFault(where, f"malformed row: caption number {values['index']!r}; expected 0, 1, …")
    return CaptionRow(where, values["photo"], values["text"], index, values.get("split"))
