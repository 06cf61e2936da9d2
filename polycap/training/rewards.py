"""Rewards of sampled captions: CIDEr-D, or the contribution to corpus BLEU."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

from polycap.metrics import bleu_metric, words_of

__all__ = ["BleuReward", "CiderReward", "Reward", "rewards_by_name"]

Reward = Callable[[Sequence[str], Sequence[Sequence[str]]], NDArray[np.float64]]
"""Function from captions and the references of each one's photo to rewards, `(captions,) float64`."""

MAX_ORDER = 4
"""Length of the longest n-grams, words."""

MIN_AVERAGE = 0.01
"""Lower bound of the averages, so that n-grams that hardly ever match do not outweigh all others."""


class BleuReward:
    """Contribution of a caption to log corpus BLEU, to first order.

    BLEU of a single caption rewards short captions, by the smoothing of their few 4-grams, and applies the brevity
    penalty per caption. Corpus BLEU is log BLEU = Σ_n ¼ (log h_n - log t_n) + min(0, 1 - r/c), with the sums over the
    corpus h_n of matching n-grams, t_n of n-grams, and r and c of the lengths of references and captions. To first
    order, a caption adds Σ_n ¼ (h_n / h̄_n - t_n / t̄_n), and (r̄ c / c̄ - r) / c̄ if the corpus is too short. The averages
    h̄ … are moving averages over sampled captions.

    Reference: Tromble et al. (2008), "Lattice Minimum Bayes-Risk Decoding for Statistical Machine Translation".
    """

    def __init__(self, tokenizer: str, memory: float = 0.95) -> None:
        """Create the reward.

        Args:
            tokenizer: sacreBLEU's name of the tokenizer.
            memory: decay of the averages per call, 0 to 1. (default: 0.95)
        """
        self._metric: BLEU = bleu_metric(tokenizer, MAX_ORDER, effective_order=True)  # otherwise sacreBLEU warns
        self._memory = memory
        self._average: NDArray[np.float64] | None = None

    def __call__(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Compute rewards `(captions,) float64`, in units of log BLEU times the size of the corpus; mean about 0."""
        pairs = zip(captions, references, strict=True)
        counts = np.array([self._counts(caption, texts) for caption, texts in pairs], dtype=np.float64)
        mean = counts.mean(axis=0)
        previous = mean if self._average is None else self._average
        self._average = self._memory * previous + (1.0 - self._memory) * mean
        average = np.maximum(self._average, MIN_AVERAGE)
        matches, ngrams, length, reference_length = np.split(
            counts / average, [MAX_ORDER, 2 * MAX_ORDER, 2 * MAX_ORDER + 1], axis=1
        )
        rewards: NDArray[np.float64] = np.sum(matches - ngrams, axis=1) / MAX_ORDER
        length_ratio = average[-1] / average[-2]  # r / c
        if length_ratio > 1.0:
            rewards += length_ratio * (length - reference_length)[:, 0]
        return rewards

    def _counts(self, caption: str, references: Sequence[str]) -> list[float]:
        """Return h_n, t_n, c and r of a caption."""
        score = self._metric.sentence_score(caption, list(references))
        return [*score.counts, *score.totals, score.sys_len, score.ref_len]


SIGMA = 6.0
"""Standard deviation of CIDEr-D's length penalty, words."""

Ngram = tuple[str, ...]
"""Words of an n-gram."""


@dataclass(frozen=True)
class _Vector:
    """CIDEr's vector of a text.

    Attributes:
        weights: for each n, the tf-idf of the n-grams.
        norms: for each n, the Euclidean norm of the weights.
        words: length of the text as pycocoevalcap counts it, the number of bigrams.
    """

    weights: tuple[dict[Ngram, float], ...]
    norms: tuple[float, ...]
    words: int


class CiderReward:
    """CIDEr-D of a caption: its similarity to the photo's references by n-grams, weighted by their rarity.

    pycocoevalcap computes the rarity of n-grams from the references of the captions that it scores. A reward needs the
    rarity in the whole train split for a few captions at a time, hence this implementation; a test compares it with
    pycocoevalcap.

    Reference: Vedantam et al. (2015), "CIDEr: Consensus-based Image Description Evaluation", arXiv:1411.5726.
    """

    def __init__(self, tokenizer: str, corpus: Sequence[Sequence[str]]) -> None:
        """Count the n-grams of a corpus.

        Args:
            tokenizer: sacreBLEU's name of the tokenizer.
            corpus: references of all train photos.
        """
        self._words = words_of(tokenizer)
        self._document_frequency: Counter[Ngram] = Counter()
        for references in corpus:
            self._document_frequency.update({ngram for text in references for ngram in self._count(text)})
        self._log_size = log(len(corpus))
        self._vector = lru_cache(maxsize=None)(self._new_vector)  # references recur in each epoch

    def __call__(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Compute rewards `(captions,) float64`, 0 to 10; papers report 10 times that."""
        return np.array(
            [
                self._score(self._new_vector(caption), map(self._vector, texts), len(texts))
                for caption, texts in zip(captions, references, strict=True)
            ]
        )

    def _count(self, text: str) -> Counter[Ngram]:
        """Count the n-grams of a text."""
        words = self._words(text)
        return Counter(
            tuple(words[start : start + order])
            for order in range(1, MAX_ORDER + 1)
            for start in range(len(words) - order + 1)
        )

    def _new_vector(self, text: str) -> _Vector:
        """Compute the vector of a text."""
        weights: tuple[dict[Ngram, float], ...] = tuple({} for _ in range(MAX_ORDER))
        for ngram, count in self._count(text).items():
            weights[len(ngram) - 1][ngram] = count * (self._log_size - log(max(1, self._document_frequency[ngram])))
        norms = tuple(sqrt(sum(weight * weight for weight in part.values())) for part in weights)
        # pycocoevalcap uses the number of bigrams as length; only differences of lengths matter
        return _Vector(weights, norms, max(0, len(self._words(text)) - 1))

    def _score(self, caption: _Vector, references: Iterable[_Vector], count: int) -> float:
        """Compute CIDEr-D of a caption with `count` references."""
        total = 0.0
        for reference in references:
            penalty = exp(-((caption.words - reference.words) ** 2) / (2 * SIGMA**2))
            for weights, others, norm, other_norm in zip(
                caption.weights, reference.weights, caption.norms, reference.norms, strict=True
            ):
                if norm and other_norm:
                    shared = [ngram for ngram in weights if ngram in others]
                    product = sum(min(weights[ngram], others[ngram]) * others[ngram] for ngram in shared)
                    total += penalty * product / (norm * other_norm)
        return 10.0 * total / (MAX_ORDER * count)


def rewards_by_name(name: str, tokenizer: str, corpus: Sequence[Sequence[str]]) -> Callable[[], list[Reward]]:
    """Return the function that creates the rewards of an epoch.

    Args:
        name: "cider", "bleu" or "both".
        tokenizer, corpus: as for `CiderReward`.
    """
    cider = CiderReward(tokenizer, corpus)
    makers: dict[str, list[Callable[[], Reward]]] = {"cider": [lambda: cider], "bleu": [partial(BleuReward, tokenizer)]}
    makers["both"] = makers["cider"] + makers["bleu"]
    return lambda: [make() for make in makers[name]]
