"""Reasons of scores of 0: none is printed without its reason."""

from collections.abc import Sequence

from polycap.metrics import METRICS, Scores

__all__ = ["zero_reasons"]

_ORDERS = {"bleu1": "a word", "bleu2": "two words", "bleu3": "three words", "bleu4": "four words"}


def zero_reasons(captions: Sequence[str], references: Sequence[Sequence[str]], scores: Scores) -> list[str]:
    """Return why scores are 0.00, a line each; none if no score is.

    Args:
        captions: one caption per photo, as it was scored.
        references: one or more references per photo.
        scores: their scores.
    """
    reasons = []
    zeros = [key for key in _ORDERS if f"{scores.value(key):.2f}" == "0.00"]
    if zeros:
        words = _ORDERS[zeros[0]] + (" in a row" if zeros[0] != "bleu1" else "")
        shared = sum(
            not set(caption.split()).isdisjoint(word for text in texts for word in text.split())
            for caption, texts in zip(captions, references, strict=True)
        )
        reasons.append(
            f"{METRICS[zeros[0]]} is 0: hardly a caption has {words} of a reference of its photo; {shared:,} of "
            f"{len(captions):,} captions share a word with theirs, such as {captions[0][:60]!r} with "
            f"{references[0][0][:60]!r}"
        )
    if scores.photos == 1 and scores.cider_d is not None and f"{scores.cider_d:.2f}" == "0.00":
        reasons.append("CIDEr-D is 0: it weighs words by how few photos' references have them, and there is one photo")
    return reasons
