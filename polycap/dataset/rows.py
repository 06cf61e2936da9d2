"""Row of a caption file, the names of its fields, and the values that they may have."""

import re
from dataclasses import dataclass

__all__ = ["NAMES", "CaptionRow", "is_origin", "is_weight", "parse_index"]

NAMES = {
    "photo": (
        *("image", "image_name", "photo", "filename", "file_name", "file"),
        *("image_path", "file_path", "filepath", "path", "image_file", "image_id"),
    ),
    "text": ("caption", "comment", "sentence", "text", "description", "captions"),
    "index": ("index", "caption_index", "caption_number", "comment_number"),
    "split": ("split",),
    "language": ("language", "lang"),
}
"""Names of a table's columns and of JSON's keys by kind, the preferred ones first."""

_ORIGIN = re.compile(r"[^\s,|]+")


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """Row of a caption file.

    Attributes:
        where: file and line of the row.
        photo: name of the photo.
        text: text of the caption.
        index, split, origin, weight: as in `ReferenceCaption` and `Photo`. (default: None, not in the file)
        language: code of the caption's language. (default: None, not in the file)
    """

    where: str
    photo: str
    text: str
    index: int | None = None
    split: str | None = None
    origin: str | None = None
    weight: float | None = None
    language: str | None = None


def parse_index(text: str) -> int | None:
    """Return the number that `text` writes in ASCII digits, or None."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def is_origin(value: object) -> bool:
    """Return whether a value may be an origin of captions.

    Origins stand in lists and signatures, and so contain no space, comma or bar.
    """
    return isinstance(value, str) and value.isprintable() and bool(_ORIGIN.fullmatch(value))


def is_weight(value: object) -> bool:
    """Return whether a value may be a weight of captions: a finite number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
