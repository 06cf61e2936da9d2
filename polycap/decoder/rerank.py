"""Minimum Bayes risk: rerank the hypotheses of the search by expected BLEU."""

from collections import Counter
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.results import LOG_ZERO, SearchResult
from polycap.language.settings import DecodingSettings
from polycap.text.tokenizer import PAD

__all__ = ["bleu", "count_ngrams", "rerank"]

MAX_ORDER = 4
"""Length of the longest n-grams, tokens."""


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
    captions = [count_ngrams(ids[ids != PAD].tolist()) for ids in token_ids]
    probabilities = np.exp(scores - scores[0])
    probabilities /= probabilities.sum()
    return [
        sum(
            probability * bleu(caption, other)
            for other, probability in zip(captions, probabilities, strict=True)
            if probability
        )
        if score > LOG_ZERO / 2
        else -1.0
        for caption, score in zip(captions, scores, strict=True)
    ]


def count_ngrams(token_ids: list[int]) -> list[dict[tuple[int, ...], int]]:
    """Count the n-grams of a hypothesis, for each n."""
    shifted = [token_ids[start:] for start in range(MAX_ORDER)]
    return [Counter(zip(*shifted[:order], strict=False)) for order in range(1, MAX_ORDER + 1)]


def bleu(caption: list[dict[tuple[int, ...], int]], other: list[dict[tuple[int, ...], int]]) -> float:
    """Compute BLEU of a caption by the n-grams of both, 0 to 100; add-one smoothing as in Lin & Och (2004).

    It is that of sacreBLEU, whose `sentence_score` took several times as long; a test compares them.
    """
    length, other_length = sum(caption[0].values()), sum(other[0].values())
    logarithm = min(0.0, 1.0 - other_length / length) if length else 0.0
    for order, (ngrams, others) in enumerate(zip(caption, other, strict=True)):
        matches = sum(min(count, others[ngram]) for ngram, count in ngrams.items() if ngram in others)
        if not matches and not order:
            return 0.0
        smoothing = min(order, 1)
        logarithm += log((matches + smoothing) / (max(0, length - order) + smoothing)) / MAX_ORDER
    return 100.0 * exp(logarithm)
