"""Captions and references in the form that metrics take: single lines, and a reference for every photo."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from polycap.errors import EvaluationError

__all__ = ["checked", "lines", "streams"]


def checked(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the references of each photo as single lines, without empty ones.

    Raises:
        EvaluationError: there are no captions, lengths differ, or a photo has no reference.
    """
    if not hypotheses:
        raise EvaluationError("there are no captions to score")
    if len(hypotheses) != len(references):
        raise EvaluationError(
            f"{len(hypotheses)} captions for the references of {len(references)} photos; expected as many"
        )
    nonempty = [[line for line in lines(texts) if line] for texts in references]
    missing = [number for number, texts in enumerate(nonempty, start=1) if not texts]
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise EvaluationError(
            f"{len(missing)} of {len(nonempty)} photos have no reference (photo number {shown}); leave them out"
        )
    return nonempty


def streams(references: list[list[str]]) -> list[list[str]]:
    """Transpose references per photo to sacreBLEU's streams: stream k contains every photo's k-th reference.

    `None` marks an absent reference. sacreBLEU documents `''` as another mark, but counts it as a reference
    of length 0.
    """
    transposed: list[list[Any]] = [list(stream) for stream in zip_longest(*references)]
    return transposed


def lines(texts: Sequence[str]) -> list[str]:
    """Collapse the white space of each text."""
    return [" ".join(text.split()) for text in texts]
