"""Caption tables: any CSV with a header, such as Kaggle's, and tables without one that begin with a photo."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from polycap.dataset.dataset import DatasetFault
from polycap.dataset.rows import NAMES, CaptionRow, parse_index
from polycap.photos.suffixes import PHOTO_SUFFIXES

__all__ = ["find_columns", "table_rows"]

_NUMBERED = re.compile(r"(?:caption|comment|sentence|text|description)s?[ _-]?[0-9]+")
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)  # a first line of Excel's
_DELIMITERS = ",\t;|"
_SPLITS = frozenset({"train", "dev", "val", "valid", "validation", "test"})
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_EXAMINED = 50
# A quoted caption may contain line breaks. An open quote that does not close within this many lines is a fault of its
# own line, and must not consume the rest of the file.
_MAX_LINES_PER_RECORD = 10


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a table.

    Attributes:
        delimiter: character between two cells.
        width: number of columns.
        start: number of the first row's line, from 0.
        texts: positions of the captions, from 0.
        positions: position of each other known column, by kind: photo, index, split, language.
    """

    delimiter: str
    width: int
    start: int
    texts: tuple[int, ...]
    positions: dict[str, int] = field(default_factory=dict)


def find_columns(lines: Sequence[str]) -> Columns | None:
    """Return the columns of a table by its first lines, or None if they are not those of a caption table.

    The first line that is not blank is a header, after Excel's `sep=;` if that is there; or there is no header, and
    each row begins with a photo's name.
    """
    start = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    separator = _SEPARATOR.fullmatch(lines[start].strip()) if start < len(lines) else None
    start += separator is not None
    delimiters = separator[1] if separator else _DELIMITERS
    candidates = [
        found(lines, start, delimiter) for found in (_columns_of_header, _columns_without) for delimiter in delimiters
    ]
    return next((columns for columns in candidates if columns), None)


def _columns_of_header(lines: Sequence[str], start: int, delimiter: str) -> Columns | None:
    """Return the columns that a header names, or None if it names no photo or no caption."""
    names = [name.strip().lower() for name in _split("".join(lines[start : start + 1]), delimiter) or []]
    positions = {
        kind: next(names.index(name) for name in known if name in names)
        for kind, known in NAMES.items()
        if any(name in names for name in known)
    }
    numbered = [position for position, name in enumerate(names) if _NUMBERED.fullmatch(name)]
    single = positions.pop("text", None)
    texts = tuple(numbered) if single is None else (single,)
    if "photo" not in positions or not texts:
        return None
    return Columns(delimiter, len(names), start + 1, texts, positions)


def _columns_without(lines: Sequence[str], start: int, delimiter: str) -> Columns | None:
    """Return the columns of a table without a header: photo and captions, or photo, something known and caption."""
    cells = [_split(line, delimiter) or [] for line in lines[start : start + _EXAMINED] if line.strip()]
    named = [row for row in cells if len(row) > 1 and Path(row[0].strip()).suffix.lower() in PHOTO_SUFFIXES]
    if not named or 2 * len(named) < len(cells):
        return None
    width = Counter(map(len, named)).most_common(1)[0][0]
    second = {row[1].strip() for row in named if len(row) == width}
    kind = _kind_of(second) if width == 3 else None
    if kind is None:
        return Columns(delimiter, width, start, tuple(range(1, width)), {"photo": 0})
    return Columns(delimiter, width, start, (2,), {"photo": 0, kind: 1})


def _kind_of(cells: set[str]) -> str | None:
    """Return the kind of the column between photo and caption, or None if it holds captions."""
    if all(parse_index(cell) is not None for cell in cells):
        return "index"
    if cells <= _SPLITS:
        return "split"
    return "language" if all(map(_CODE.fullmatch, cells)) else None


def table_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows and faults of a caption table.

    Raises:
        ValueError: `find_columns` does not accept the first lines.
    """
    lines = text.split("\n")
    columns = find_columns(lines)
    if columns is None:
        raise ValueError(f"{path}: find_columns refuses these lines")
    number = columns.start
    while number < len(lines):
        cells, line_count = _read_record(lines, number, columns)
        where = f"{path.name}:{number + 1}"
        if cells is None:
            yield DatasetFault(where, f"malformed row {lines[number][:60]!r}; its quotes don't close")
        elif cells:
            yield from _parse_row(where, cells, columns)
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


def _parse_row(where: str, cells: list[str], columns: Columns) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the captions of a record; of several columns of captions, some may be blank."""
    if len(cells) != columns.width:
        fix = "quote a caption that holds commas" if len(cells) > columns.width else "fill the row"
        yield DatasetFault(where, f"malformed row: {len(cells)} fields where the header has {columns.width}; {fix}")
        return
    values = {kind: cells[position].strip() for kind, position in columns.positions.items()}
    if not values["photo"]:
        yield DatasetFault(where, "malformed row: no photo is named")
        return
    index = None
    if "index" in values:
        index = parse_index(values["index"])
        if index is None:
            yield DatasetFault(where, f"malformed row: caption number {values['index']!r}; expected 0, 1, …")
            return
    texts = [cells[position].strip() for position in columns.texts]
    for text in [text for text in texts if text] or texts[:1]:
        yield CaptionRow(where, values["photo"], text, index, values.get("split"), language=values.get("language"))
