"""Captions as JSON objects, the same for the command line and the server, and as lines of text."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from polycap.errors import PhotoError, one_line
from polycap.photos.name import photo_name

if TYPE_CHECKING:
    from polycap.captioning.caption import Caption
    from polycap.captioning.stream import PhotoCaptions

__all__ = ["AnswerRow", "caption_row", "caption_rows", "error_row", "text_lines"]

AnswerRow = dict[str, Any]
"""Object of `polycap caption --json`."""


def caption_row(caption: "Caption") -> AnswerRow:
    """Return the JSON object of a caption."""
    row: AnswerRow = {"photo": photo_name(caption.photo), "language": caption.language.code}
    row["writing_mode"] = caption.language.writing_mode
    row |= {"caption": caption.text, "score": round(caption.score, 4)}
    if caption.warning:
        row["warning"] = caption.warning
    if caption.via:
        row |= {"via": caption.via, "source": caption.candidates[0].source}
    row["candidates"] = [
        {"caption": candidate.text, "score": round(candidate.score, 4), "log_prob": round(candidate.log_prob, 4)}
        for candidate in caption.candidates
    ]
    return row


def error_row(photo: object, error: object) -> AnswerRow:
    """Return the JSON object of a photo's error."""
    return {"photo": photo_name(photo), "error": str(error)}


def caption_rows(captions: "PhotoCaptions") -> list[AnswerRow]:
    """Return the JSON objects of a photo: one per language, or its error."""
    if isinstance(captions, PhotoError):
        return [error_row(captions.photo, captions)]
    return [caption_row(caption) for caption in captions.values()]


def text_lines(captions: "Iterable[Caption]", *, name_language: bool) -> list[str]:
    """Return a line of text per candidate of each caption: photo, code if `name_language` is on, and text."""
    return [
        "\t".join(map(one_line, [photo_name(caption.photo), *codes, candidate.text]))
        for caption in captions
        for codes in [[caption.language.code] if name_language else []]
        for candidate in caption.candidates
    ]
