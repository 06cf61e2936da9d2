"""Minimum Bayes risk: rerank the hypotheses of the search by expected BLEU."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.results import LOG_ZERO, SearchResult
from polycap.language.settings import DecodingSettings
from polycap.text.tokenizer import PAD

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

__all__ = ["rerank"]


def rerank(result: SearchResult, settings: DecodingSettings) -> SearchResult:
    """Rerank hypotheses by expected BLEU if `settings.minimum_bayes_risk` is set; else keep the order of their scores.

    A hypothesis' expected BLEU is the mean of its BLEU against each hypothesis of its photo, itself included, weighted
    by the other's approximate probability, ∝ exp(score). The likeliest hypothesis often leaves something out; the one
    most like all others holds what they agree on.

    Reference: Kumar & Byrne (2004), "Minimum Bayes-Risk Decoding for Statistical Machine Translation".
    """
    if not settings.minimum_bayes_risk or result.scores.shape[1] == 1:
        return result
    expected_bleu = np.array([_expected_bleu(*photo) for photo in zip(result.token_ids, result.scores, strict=True)])
    order = np.argsort(-expected_bleu, axis=1, kind="stable")  # equal expected_bleu keep the order of their scores
    return SearchResult(
        np.take_along_axis(result.token_ids, order[:, :, None], axis=1),
        np.take_along_axis(result.log_probs, order, axis=1),
        np.take_along_axis(result.scores, order, axis=1),
    )


def _expected_bleu(token_ids: NDArray[np.int32], scores: NDArray[np.float32]) -> list[float]:
    """Compute the expected BLEU of each hypothesis of a photo, 0 to 100; -1 for an empty place of the n-best list.

    Args:
        token_ids: `(beams, length) int32`.
        scores: `(beams,) float32`.
    """
    captions = [" ".join(map(str, ids[ids != PAD])) for ids in token_ids]
    probabilities = np.exp(scores - scores[0])
    probabilities /= probabilities.sum()
    metric = _metric()
    return [
        sum(
            probability * metric.sentence_score(caption, [other]).score
            for other, probability in zip(captions, probabilities, strict=True)
            if probability
        )
        if score > LOG_ZERO / 2
        else -1.0
        for caption, score in zip(captions, scores, strict=True)
    ]


@cache
def _metric() -> "BLEU":
    """Return sentence BLEU over token ids, without a tokenizer; add-one smoothing as in Lin & Och (2004)."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize="none", force=True, effective_order=True, smooth_method="add-k", smooth_value=1)
