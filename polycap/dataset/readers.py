"""Readers of caption files: from each format to rows, and from rows to captions by photo.

Formats, recognised by the contents of the file:

- `Flickr8k.token.txt`: `image#i<TAB>caption`, also the form of captions in other languages;
- a table: see `polycap.dataset.tables`;
- JSON of several kinds, and JSON Lines: see `polycap.dataset.json_rows`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from polycap.dataset.clean import clean_caption, has_word
from polycap.dataset.dataset import DatasetFault, ReferenceCaption
from polycap.dataset.json_rows import document_rows, is_json_line, line_rows
from polycap.dataset.names import photo_keys
from polycap.dataset.origins import HUMAN
from polycap.dataset.rows import CaptionRow, parse_index
from polycap.dataset.tables import find_columns, table_rows
from polycap.errors import DatasetError

__all__ = ["CaptionTable", "collect", "read_captions", "read_table", "read_text_file"]

_FORMATS = "`image#i<TAB>caption`, a CSV with a header `image,caption`, JSON or JSON Lines"


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
    return collect(CaptionTable(path, source), reader(path, text), origin)


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


def _format_of(path: Path, text: str) -> tuple[str, Callable[[Path, str], Iterator[CaptionRow | DatasetFault]]]:
    """Recognise the format of a file; return its name, as source of splits, and its reader."""
    head = [line for line in text.split("\n", 50)[:50] if line.strip()]
    if not head:
        raise DatasetError(f"{path}: is empty; expected captions as {_FORMATS}")
    if path.suffix in (".jsonl", ".ndjson") or is_json_line(head[0]):
        return "jsonl field", line_rows
    if path.suffix == ".json" or head[0].lstrip()[0] in "{[":
        return "karpathy" if '"sentences"' in text else "json field", document_rows
    if find_columns(head):
        return "csv column", table_rows
    if any(isinstance(_token_row("", line), CaptionRow) for line in head):
        return "token file", _token_rows
    raise DatasetError(f"{path}:1: this is no known caption format ({head[0][:60]!r}); expected {_FORMATS}")


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


def collect(table: CaptionTable, items: Iterable[CaptionRow | DatasetFault], origin: str = HUMAN) -> CaptionTable:
    """Group rows by photo; a row without an index gets its position among the photo's rows.

    Raises:
        DatasetError: the rows are of several languages.
    """
    captions_by_photo: dict[str, dict[int, ReferenceCaption]] = {}
    seen: Counter[str] = Counter()
    items = list(items)
    names = photo_keys(item.photo for item in items if isinstance(item, CaptionRow))
    languages: dict[str, None] = {}
    for item in items:
        if isinstance(item, DatasetFault):
            table.faults.append(item)
            continue
        name = names[item.photo]
        text, wrong = clean_caption(item.text.strip())
        if wrong:
            table.faults.append(DatasetFault(item.where, f"{wrong} in a caption of {name!r}; read as {text!r}"))
        languages |= {item.language: None} if item.language else {}
        index = seen[name] if item.index is None else item.index
        seen[name] += 1
        captions = captions_by_photo.setdefault(name, {})
        table.where.setdefault(name, item.where)
        if item.split is not None:
            table.assignments.append((name, item.split, item.where))
        if fault := _fault_of(name, text, index, captions):
            table.faults.append(DatasetFault(item.where, fault))
        else:
            captions[index] = ReferenceCaption(index, text, item.origin or origin, item.weight or 1.0)
    if len(languages) > 1:
        raise DatasetError(f"{table.path}: holds captions of several languages ({', '.join(languages)}); keep one's")
    table.captions = {
        name: tuple(captions[index] for index in sorted(captions))
        for name, captions in captions_by_photo.items()
        if captions
    }
    return table


def _fault_of(name: str, text: str, index: int, captions: dict[int, ReferenceCaption]) -> str:
    """Return why a caption of a photo is left out; empty if it is not."""
    if not _is_text(name + text):
        return "half of a surrogate pair, which is no text; left out"
    if not text:
        return f"empty caption of {name!r}; left out"
    if not has_word(text):
        return f"no word in {text!r}, a caption of {name!r}; left out"
    return f"second caption #{index} of {name!r}; the first is kept" if index in captions else ""


def _is_text(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8: JSON's escapes may contain lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
