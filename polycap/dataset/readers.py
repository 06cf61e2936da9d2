"""Readers of caption files: each format becomes rows, and rows become captions by photo.

Formats, told apart by what is in the file:

- `Flickr8k.token.txt`: `image#i<TAB>caption`, also the form of captions in other languages;
- a table with a header naming an image and a caption column (Kaggle's `captions.txt`, any CSV);
- Karpathy's JSON: `{"images": [{"filename", "split", "sentences": [{"raw"}]}]}`;
- JSON Lines: `{"image", "caption"}`, and, where known, `"index"`, `"split"`, `"origin"` and `"weight"`.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.dataset.dataset import HUMAN, DatasetFault, ReferenceCaption
from polycap.dataset.tables import CaptionRow, find_columns, parse_index, table_rows
from polycap.errors import DatasetError

__all__ = ["CaptionTable", "is_origin", "is_weight", "photo_key", "read_captions", "read_table", "read_text_file"]

_FORMATS = "`image#i<TAB>caption`, a CSV with a header `image,caption`, Karpathy's JSON or JSON Lines"
_ORIGIN = re.compile(r"[^\s,|]+")


@dataclass
class CaptionTable:
    """What one caption file holds.

    Attributes:
        path: the file.
        split_source: what its splits are called in `Dataset.split_source`.
        captions: photo name -> captions, sorted by index.
        where: photo name -> place of its first row ("captions.txt:17").
        assignments: (photo name, split as written, place) for every row that has a split.
        faults: rows that were left out, and why.
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
        path: the file.
        origin: who wrote the captions of which the file does not say.

    Returns:
        photo name -> captions sorted by index; and the rows that were left out, with file and line.

    Raises:
        DatasetError: the file can't be read, is not UTF-8 text, or is in no known format.
    """
    table = read_table(path, origin)
    return table.captions, table.faults


def read_table(path: Path, origin: str = HUMAN) -> CaptionTable:
    """Read a caption file with its splits and places. Arguments are those of `read_captions`.

    Raises:
        DatasetError: the file can't be read, is not UTF-8 text, or is in no known format.
    """
    text = read_text_file(path)
    source, reader = _format_of(path, text)
    return _collect(CaptionTable(path, source), reader(path, text), origin)


def read_text_file(path: Path) -> str:
    """A text file's content, without byte order mark and with `\\n` line ends.

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


def photo_key(name: str) -> str:
    """The name by which a photo is known: some file systems decompose accents, caption files don't."""
    return unicodedata.normalize("NFC", name.strip())


def is_origin(value: object) -> bool:
    """Whether it may be the origin of captions: it goes into lists and signatures, so no space, comma or bar."""
    return isinstance(value, str) and value.isprintable() and bool(_ORIGIN.fullmatch(value))


def is_weight(value: object) -> bool:
    """Whether it may be the weight of captions: a finite number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def _format_of(path: Path, text: str) -> tuple[str, Callable[[Path, str], Iterator[CaptionRow | DatasetFault]]]:
    """The format's name for splits, and its reader."""
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
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "caption" in value


def _token_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _token_row(f"{path.name}:{number}", line)


def _token_row(where: str, line: str) -> CaptionRow | DatasetFault:
    head, tab, text = line.partition("\t")
    photo, _, digits = head.rpartition("#")  # the last #: a file's name may hold others
    index = parse_index(digits)
    if not tab or not photo.strip() or index is None:
        return DatasetFault(where, f"malformed row {line[:60]!r}; expected image#i<TAB>caption")
    return CaptionRow(where, photo, text, index)


def _jsonl_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _jsonl_row(f"{path.name}:{number}", line)


def _jsonl_row(where: str, line: str) -> CaptionRow | DatasetFault:
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
    # True is an int in Python, and no index
    numbered = index is None or (type(index) is int and index >= 0)
    named = isinstance(photo, str) and photo.strip() and isinstance(split, str | None)
    sourced = (origin is None or is_origin(origin)) and (weight is None or is_weight(weight))
    if not named or not numbered or not sourced or not isinstance(text, str):
        return DatasetFault(where, malformed)
    return CaptionRow(where, str(photo), text, index, split, origin, weight)


def _karpathy_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
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
    photo, sentences, split = (
        (image.get(key) for key in ("filename", "sentences", "split"))
        if isinstance(image, dict)
        else (None, None, None)
    )
    named = isinstance(photo, str) and photo.strip()
    if not named or not isinstance(sentences, list) or not isinstance(split, str | None):
        yield DatasetFault(where, 'malformed entry; expected "filename", "split" and a list "sentences"')
        return
    for index, sentence in enumerate(sentences):
        raw = sentence.get("raw") if isinstance(sentence, dict) else None
        place = f"{where}.sentences[{index}]"
        if isinstance(raw, str):
            yield CaptionRow(place, str(photo), raw, index, split)
        else:
            yield DatasetFault(place, 'malformed sentence; expected a text "raw"')


def _collect(table: CaptionTable, items: Iterable[CaptionRow | DatasetFault], origin: str) -> CaptionTable:
    """Gather rows by photo; a row without an index takes its place among the photo's rows."""
    found: dict[str, dict[int, ReferenceCaption]] = {}
    seen: Counter[str] = Counter()
    for item in items:
        if isinstance(item, DatasetFault):
            table.faults.append(item)
            continue
        name, text = photo_key(item.photo), item.text.strip()
        index = seen[name] if item.index is None else item.index
        seen[name] += 1
        captions = found.setdefault(name, {})
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
    table.captions = {name: tuple(by[i] for i in sorted(by)) for name, by in found.items() if by}
    return table


def _is_text(text: str) -> bool:
    """Whether UTF-8 can write it: JSON's escapes can spell what is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
