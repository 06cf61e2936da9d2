"""Captions as rows of JSON and as lines of text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from polycap.errors import one_line

if TYPE_CHECKING:
    from polycap.captioning.captioner import Captioner, Result

__all__ = ["AnswerRow", "error_row", "result_rows", "text_lines", "translated_by"]

AnswerRow = dict[str, Any]
"""An object of `polycap caption --json`."""


def error_row(photo: object, error: object) -> dict[str, Any]:
    return {"photo": str(photo), "error": str(error)}


def translated_by(captioner: "Captioner") -> str:
    """What its captions are translated by, `CODE:ENGINE`; empty if they are not translated."""
    from polycap.captioning.translated import TranslatedCaptioner

    return f"{captioner.via.code}:{captioner.translator.identity}" if isinstance(captioner, TranslatedCaptioner) else ""


def result_rows(result: "Result", captioners: "Sequence[Captioner]") -> list[dict[str, Any]]:
    """What `polycap caption --json` prints of a photo: an object for each of the languages, or the error."""
    if result.error is not None:
        return [error_row(result.photo, result.error)]
    rows = []
    for captioner in captioners:
        candidates = result.candidates[captioner.language.code]
        row: dict[str, Any] = {"photo": str(result.photo), "language": captioner.language.code}
        row |= {"caption": candidates[0].caption, "score": round(candidates[0].score, 4)}
        if origin := translated_by(captioner):
            row |= {"via": origin, "source": candidates[0].source}
        row["candidates"] = [
            {"caption": c.caption, "score": round(c.score, 4), "log_prob": round(c.log_prob, 4)} for c in candidates
        ]
        rows.append(row)
    return rows


def text_lines(result: "Result", name_language: bool) -> list[str]:
    return [
        "\t".join([one_line(result.photo), *([code] if name_language else []), candidate.caption])
        for code, candidates in result.candidates.items()
        for candidate in candidates
    ]
