"""Which of the captions that search found to say: the one that fits all of them best."""

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


def rerank(found: SearchResult, settings: DecodingSettings) -> SearchResult:
    """What search found as `settings` rank it: by expected BLEU if `minimum_bayes_risk` is set, else by score.

    A caption's expected BLEU is that against each caption found for its photo, itself included, weighted by the
    probability of the other, as far as it is known: ∝ exp(score). The likeliest caption is often one that leaves
    something out; the one most like all others says what they agree on.

    Reference: Kumar & Byrne (2004), "Minimum Bayes-Risk Decoding for Statistical Machine Translation".
    """
    if not settings.minimum_bayes_risk or found.scores.shape[1] == 1:
        return found
    gains = np.array([_expected_bleu(*photo) for photo in zip(found.token_ids, found.scores, strict=True)])
    order = np.argsort(-gains, axis=1, kind="stable")  # equals stay in the order of their scores
    return SearchResult(
        np.take_along_axis(found.token_ids, order[:, :, None], axis=1),
        np.take_along_axis(found.log_probs, order, axis=1),
        np.take_along_axis(found.scores, order, axis=1),
    )


def _expected_bleu(token_ids: NDArray[np.int32], scores: NDArray[np.float32]) -> list[float]:
    """Of each caption of a photo, 0 to 100; below 0 where there is none."""
    captions = [" ".join(map(str, ids[ids != PAD])) for ids in token_ids]
    chances = np.exp(scores - scores[0])
    chances /= chances.sum()
    metric = _metric()
    return [
        sum(p * metric.sentence_score(caption, [other]).score for other, p in zip(captions, chances, strict=True) if p)
        if score > LOG_ZERO / 2
        else -1.0
        for caption, score in zip(captions, scores, strict=True)
    ]


@cache
def _metric() -> "BLEU":
    """BLEU of one caption by its tokens, which need no tokenizer; smoothed by one, as Lin & Och (2004) do."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize="none", force=True, effective_order=True, smooth_method="add-k", smooth_value=1)
