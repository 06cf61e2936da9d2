"""Captions as rows of JSON, the same for the command line and the server, and as lines of text."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from polycap.errors import PhotoError, one_line

if TYPE_CHECKING:
    from polycap.captioning.caption import Caption
    from polycap.captioning.stream import PhotoCaptions

__all__ = ["AnswerRow", "caption_row", "caption_rows", "error_row", "text_lines"]

AnswerRow = dict[str, Any]
"""An object of `polycap caption --json`."""


def caption_row(caption: "Caption") -> AnswerRow:
    """Return a caption as an object of JSON."""
    row: AnswerRow = {"photo": str(caption.photo), "language": caption.language.code}
    row |= {"caption": caption.text, "score": round(caption.score, 4)}
    if caption.via:
        row |= {"via": caption.via, "source": caption.candidates[0].source}
    row["candidates"] = [
        {"caption": candidate.text, "score": round(candidate.score, 4), "log_prob": round(candidate.log_prob, 4)}
        for candidate in caption.candidates
    ]
    return row


def error_row(photo: object, error: object) -> AnswerRow:
    """Return what is wrong with a photo as an object of JSON."""
    return {"photo": str(photo), "error": str(error)}


def caption_rows(captions: "PhotoCaptions") -> list[AnswerRow]:
    """Return the objects of a photo: one for each language, or the error."""
    if isinstance(captions, PhotoError):
        return [error_row(captions.photo, captions)]
    return [caption_row(caption) for caption in captions.values()]


def text_lines(captions: "Iterable[Caption]", *, name_language: bool) -> list[str]:
    """Return a line of text for each candidate of each caption: photo, code if it is to be named, text."""
    return [
        "\t".join([one_line(caption.photo), *([caption.language.code] if name_language else []), candidate.text])
        for caption in captions
        for candidate in caption.candidates
    ]
