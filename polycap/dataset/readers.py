"""Readers of caption files: from each format to rows, and from rows to captions by photo.

Formats, recognised by the contents of the file:

- `Flickr8k.token.txt`: `image#i<TAB>caption`, also the form of captions in other languages;
- a table with a header naming an image and a caption column (Kaggle's `captions.txt`, any CSV);
- Karpathy's JSON: `{"images": [{"filename", "split", "sentences": [{"raw"}]}]}`;
- JSON Lines: `{"image", "caption"}`, optionally `"index"`, `"split"`, `"origin"` and `"weight"`.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.dataset.dataset import DatasetFault, ReferenceCaption
from polycap.dataset.names import photo_keys
from polycap.dataset.origins import HUMAN
from polycap.dataset.tables import CaptionRow, find_columns, parse_index, table_rows
from polycap.errors import DatasetError

__all__ = ["CaptionTable", "is_origin", "is_weight", "read_captions", "read_table", "read_text_file"]

_FORMATS = "`image#i<TAB>caption`, a CSV with a header `image,caption`, Karpathy's JSON or JSON Lines"
_ORIGIN = re.compile(r"[^\s,|]+")


@dataclass
class CaptionTable:
    """Contents of a caption file.

    Attributes:
        path: path of the file.
        split_source: source of its splits, as `Dataset.split_source` names it.
        captions: captions by photo name, sorted by index.
        where: file and line of the first row of each photo, by photo name, such as "captions.txt:17".
        assignments: photo name, split as written, and file and line, of every row with a split.
        faults: rows that were left out, with the reason.
    """

    path: Path
    split_source: str
    captions: dict[str, tuple[ReferenceCaption, ...]] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    assignments: list[tuple[str, str, str]] = field(default_factory=list)
    faults: list[DatasetFault] = field(default_factory=list)


def read_captions(
    path: Path, origin: str = HUMAN
) -> tuple[dict[str, tuple[ReferenceCaption, ...]], list[DatasetFault]]:
    """Read a caption file in any known format.

    Args:
        path: path of the file.
        origin: origin of the captions whose row names none. (default: human)

    Returns:
        Captions by photo name, sorted by index; and the faults: rows that were left out, with file and line.

    Raises:
        DatasetError: the file can't be read, is not UTF-8 text, or is in no known format.
    """
    table = read_table(path, origin)
    return table.captions, table.faults


def read_table(path: Path, origin: str = HUMAN) -> CaptionTable:
    """Read a caption file with its splits and line numbers. For the arguments see `read_captions`.

    Raises:
        DatasetError: the file can't be read, is not UTF-8 text, or is in no known format.
    """
    text = read_text_file(path)
    source, reader = _format_of(path, text)
    return _collect(CaptionTable(path, source), reader(path, text), origin)


def read_text_file(path: Path) -> str:
    """Return the contents of a text file, without byte order mark and with `\\n` line ends.

    Raises:
        DatasetError: the file can't be read, or is not UTF-8 text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise DatasetError(f"{path}: is a binary file; expected UTF-8 text")
    # Only real line ends: str.splitlines() would also break a caption at U+2028 or U+0085.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_origin(value: object) -> bool:
    """Return whether a value may be an origin of captions.

    Origins stand in lists and signatures, and so contain no space, comma or bar.
    """
    return isinstance(value, str) and value.isprintable() and bool(_ORIGIN.fullmatch(value))


def is_weight(value: object) -> bool:
    """Return whether a value may be a weight of captions: a finite number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def _format_of(path: Path, text: str) -> tuple[str, Callable[[Path, str], Iterator[CaptionRow | DatasetFault]]]:
    """Recognise the format of a file; return its name, as source of splits, and its reader."""
    head = [line for line in text.split("\n", 50)[:50] if line.strip()]
    if not head:
        raise DatasetError(f"{path}: is empty; expected captions as {_FORMATS}")
    if path.suffix in (".jsonl", ".ndjson") or _is_json_line(head[0]):
        return "jsonl field", _jsonl_rows
    if path.suffix == ".json" or head[0].lstrip().startswith("{"):
        return "karpathy", _karpathy_rows
    if find_columns(head[0]):
        return "csv column", table_rows
    if any(isinstance(_token_row("", line), CaptionRow) for line in head):
        return "token file", _token_rows
    raise DatasetError(f"{path}:1: this is no known caption format ({head[0][:60]!r}); expected {_FORMATS}")


def _is_json_line(line: str) -> bool:
    """Return whether a line is a row of JSON Lines."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "caption" in value


def _token_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of a file in the format of `Flickr8k.token.txt`."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _token_row(f"{path.name}:{number}", line)


def _token_row(where: str, line: str) -> CaptionRow | DatasetFault:
    """Parse a line `image#i<TAB>caption`."""
    head, tab, text = line.partition("\t")
    photo, _, digits = head.rpartition("#")  # the last #: a file name may contain others
    index = parse_index(digits)
    if not tab or not photo.strip() or index is None:
        return DatasetFault(where, f"malformed row {line[:60]!r}; expected image#i<TAB>caption")
    return CaptionRow(where, photo, text, index)


def _jsonl_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of a file of JSON Lines."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _jsonl_row(f"{path.name}:{number}", line)


def _jsonl_row(where: str, line: str) -> CaptionRow | DatasetFault:
    """Parse a line of JSON Lines."""
    optional = '"index" (0, 1, …), "split", "origin" and "weight" (above 0)'
    malformed = f'malformed row; expected {{"image": "x.jpg", "caption": "…"}}, optionally {optional}'
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return DatasetFault(where, malformed.replace("row", "row, not JSON", 1))
    if not isinstance(value, dict):
        return DatasetFault(where, malformed)
    keys = ("image", "caption", "index", "split", "origin", "weight")
    photo, text, index, split, origin, weight = (value.get(key) for key in keys)
    # in Python True is an int, but it is no index
    has_index = index is None or (type(index) is int and index >= 0)
    has_photo = isinstance(photo, str) and photo.strip() and isinstance(split, str | None)
    has_source = (origin is None or is_origin(origin)) and (weight is None or is_weight(weight))
    if not has_photo or not has_index or not has_source or not isinstance(text, str):
        return DatasetFault(where, malformed)
    return CaptionRow(where, str(photo), text, index, split, origin, weight)


def _karpathy_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of Karpathy's JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: is not JSON ({error})") from error
    images = value.get("images") if isinstance(value, dict) else None
    if not isinstance(images, list):
        raise DatasetError(f'{path}: has no list "images"; expected Karpathy\'s dataset_flickr8k.json')
    for number, image in enumerate(images):
        yield from _karpathy_photo(f"{path.name}:images[{number}]", image)


def _karpathy_photo(where: str, image: Any) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of one photo of Karpathy's JSON."""
    photo, sentences, split = (
        (image.get(key) for key in ("filename", "sentences", "split"))
        if isinstance(image, dict)
        else (None, None, None)
    )
    has_photo = isinstance(photo, str) and photo.strip()
    if not has_photo or not isinstance(sentences, list) or not isinstance(split, str | None):
        yield DatasetFault(where, 'malformed entry; expected "filename", "split" and a list "sentences"')
        return
    for index, sentence in enumerate(sentences):
        text = sentence.get("raw") if isinstance(sentence, dict) else None
        sentence_where = f"{where}.sentences[{index}]"
        if isinstance(text, str):
            yield CaptionRow(sentence_where, str(photo), text, index, split)
        else:
            yield DatasetFault(sentence_where, 'malformed sentence; expected a text "raw"')


def _collect(table: CaptionTable, items: Iterable[CaptionRow | DatasetFault], origin: str) -> CaptionTable:
    """Group rows by photo; a row without an index gets its position among the photo's rows."""
    captions_by_photo: dict[str, dict[int, ReferenceCaption]] = {}
    seen: Counter[str] = Counter()
    items = list(items)
    names = photo_keys(item.photo for item in items if isinstance(item, CaptionRow))
    for item in items:
        if isinstance(item, DatasetFault):
            table.faults.append(item)
            continue
        name, text = names[item.photo], item.text.strip()
        index = seen[name] if item.index is None else item.index
        seen[name] += 1
        captions = captions_by_photo.setdefault(name, {})
        table.where.setdefault(name, item.where)
        if item.split is not None:
            table.assignments.append((name, item.split, item.where))
        if not _is_text(name + text):
            table.faults.append(DatasetFault(item.where, "half of a surrogate pair, which is no text; left out"))
        elif not text:
            table.faults.append(DatasetFault(item.where, f"empty caption of {name!r}; left out"))
        elif index in captions:
            table.faults.append(DatasetFault(item.where, f"second caption #{index} of {name!r}; the first is kept"))
        else:
            captions[index] = ReferenceCaption(index, text, item.origin or origin, item.weight or 1.0)
    table.captions = {
        name: tuple(captions[index] for index in sorted(captions))
        for name, captions in captions_by_photo.items()
        if captions
    }
    return table


def _is_text(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8: JSON's escapes may contain lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
