"""What a drawn caption is worth: its CIDEr-D, or its share in the BLEU of the whole corpus."""

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
"""Captions, and of each the references of its photo → rewards `(captions,)`."""

ORDER = 4
FLOOR = 0.01
"""The least that an average counts as: n-grams that hardly ever fit must not outweigh all others."""


class BleuReward:
    """The gradient of log corpus BLEU by one caption's counts: what the caption adds to the corpus' score.

    A single caption's own BLEU rewards short captions, whose few 4-grams smoothing makes look good, and knows the
    brevity penalty only caption by caption. BLEU is of a corpus: log BLEU = Σ_n ¼ (log h_n - log t_n) + min(0, 1 - r/c)
    with the sums h_n of n-grams that fit, t_n of n-grams, r and c of lengths. To first order, a caption adds
    Σ_n ¼ (h_n / h̄_n - t_n / t̄_n), and (r̄ c / c̄ - r) / c̄ where the corpus is too short. The averages h̄ … are those of
    captions drawn lately.

    Reference: Tromble et al. (2008), "Lattice Minimum Bayes-Risk Decoding for Statistical Machine Translation".
    """

    def __init__(self, tokenizer: str, memory: float = 0.95) -> None:
        """`tokenizer` is sacreBLEU's name, `memory` the averages' decay per call."""
        self._metric: BLEU = bleu_metric(tokenizer, ORDER, effective_order=True)  # or it warns
        self._memory = memory
        self._average: NDArray[np.float64] | None = None

    def __call__(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Rewards `(captions,)`, in units of log BLEU times the size of the corpus; their mean is about 0."""
        counts = np.array([self._counts(c, r) for c, r in zip(captions, references, strict=True)], dtype=np.float64)
        now = counts.mean(axis=0)
        before = now if self._average is None else self._average
        self._average = self._memory * before + (1.0 - self._memory) * now
        average = np.maximum(self._average, FLOOR)
        fits, grams, length, wanted = np.split(counts / average, [ORDER, 2 * ORDER, 2 * ORDER + 1], axis=1)
        rewards: NDArray[np.float64] = np.sum(fits - grams, axis=1) / ORDER
        too_short = average[-1] / average[-2]  # r / c
        if too_short > 1.0:
            rewards += too_short * (length - wanted)[:, 0]
        return rewards

    def _counts(self, caption: str, references: Sequence[str]) -> list[float]:
        score = self._metric.sentence_score(caption, list(references))
        return [*score.counts, *score.totals, score.sys_len, score.ref_len]


SIGMA = 6.0
"""CIDEr-D's tolerance of another length, in words."""

Ngram = tuple[str, ...]


@dataclass(frozen=True)
class _Vector:
    """A text as CIDEr sees it: n-grams with their tf-idf, and its Euclidean length, for each n."""

    weights: tuple[dict[Ngram, float], ...]
    norms: tuple[float, ...]
    words: int


class CiderReward:
    """CIDEr-D of a caption: how alike it and a photo's references are in n-grams that other photos seldom have.

    pycocoevalcap, which scores captions, takes the rarity of n-grams from the very references that it is given; a
    reward needs that of the whole train split, for a few captions at a time. So it is written out here, and a test
    holds it equal to pycocoevalcap's.

    Reference: Vedantam et al. (2015), "CIDEr: Consensus-based Image Description Evaluation", arXiv:1411.5726.
    """

    def __init__(self, tokenizer: str, corpus: Sequence[Sequence[str]]) -> None:
        """`tokenizer` is sacreBLEU's name, `corpus` the references of all photos."""
        self._words = words_of(tokenizer)
        self._photos: Counter[Ngram] = Counter()
        for references in corpus:
            self._photos.update({ngram for text in references for ngram in self._count(text)})
        self._log_size = log(len(corpus))
        self._vector = lru_cache(maxsize=None)(self._new_vector)  # references come again in each epoch

    def __call__(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Rewards `(captions,)`, from 0 to 10; papers print 10 times that."""
        return np.array(
            [
                self._score(self._new_vector(caption), map(self._vector, texts), len(texts))
                for caption, texts in zip(captions, references, strict=True)
            ]
        )

    def _count(self, text: str) -> Counter[Ngram]:
        words = self._words(text)
        return Counter(tuple(words[i : i + n]) for n in range(1, ORDER + 1) for i in range(len(words) - n + 1))

    def _new_vector(self, text: str) -> _Vector:
        weights: tuple[dict[Ngram, float], ...] = tuple({} for _ in range(ORDER))
        for ngram, count in self._count(text).items():
            weights[len(ngram) - 1][ngram] = count * (self._log_size - log(max(1, self._photos[ngram])))
        norms = tuple(sqrt(sum(weight * weight for weight in part.values())) for part in weights)
        # pycocoevalcap takes the number of bigrams for the length; differences of lengths are all that counts
        return _Vector(weights, norms, max(0, len(self._words(text)) - 1))

    def _score(self, caption: _Vector, references: Iterable[_Vector], count: int) -> float:
        total = 0.0
        for reference in references:
            penalty = exp(-((caption.words - reference.words) ** 2) / (2 * SIGMA**2))
            for mine, theirs, norm, other in zip(
                caption.weights, reference.weights, caption.norms, reference.norms, strict=True
            ):
                if norm and other:
                    shared = sum(min(weight, theirs[n]) * theirs[n] for n, weight in mine.items() if n in theirs)
                    total += penalty * shared / (norm * other)
        return 10.0 * total / (ORDER * count)


def rewards_by_name(name: str, tokenizer: str, corpus: Sequence[Sequence[str]]) -> Callable[[], list[Reward]]:
    """What makes the rewards of an epoch: of `cider`, `bleu` or `both`. See `CiderReward` for the other arguments."""
    cider = CiderReward(tokenizer, corpus)
    makers: dict[str, list[Callable[[], Reward]]] = {"cider": [lambda: cider], "bleu": [partial(BleuReward, tokenizer)]}
    makers["both"] = makers["cider"] + makers["bleu"]
    return lambda: [make() for make in makers[name]]
