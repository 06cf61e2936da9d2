"""Captions and references as metrics take them: single lines, and no photo without a reference."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from polycap.errors import EvaluationError

__all__ = ["checked", "lines", "streams"]


def checked(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[list[str]]:
    """The references of each photo as single lines, without empty ones.

    Raises:
        EvaluationError: nothing to score, lengths that differ, or a photo without references.
    """
    if not hypotheses:
        raise EvaluationError("there are no captions to score")
    if len(hypotheses) != len(references):
        raise EvaluationError(
            f"{len(hypotheses)} captions for the references of {len(references)} photos; expected as many"
        )
    kept = [[line for line in lines(texts) if line] for texts in references]
    bare = [number for number, texts in enumerate(kept, start=1) if not texts]
    if bare:
        shown = ", ".join(map(str, bare[:5])) + (", …" if len(bare) > 5 else "")
        raise EvaluationError(
            f"{len(bare)} of {len(kept)} photos have no reference (photo number {shown}); leave them out"
        )
    return kept


def streams(references: list[list[str]]) -> list[list[str]]:
    """Turn references per photo into sacreBLEU's streams: stream k holds every photo's k-th reference.

    `None` marks an absent reference. sacreBLEU documents `''` as another mark, but counts it as a reference
    of length 0.
    """
    found: list[list[Any]] = [list(stream) for stream in zip_longest(*references)]
    return found


def lines(texts: Sequence[str]) -> list[str]:
    """Each text with its white space collapsed."""
    return [" ".join(text.split()) for text in texts]
