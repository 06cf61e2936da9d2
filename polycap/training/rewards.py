"""Rewards of sampled captions: CIDEr-D, or the contribution to corpus BLEU.

Texts are words, with `END` after the last one of those that have ended: the end is part of n-grams. Without it, a
caption that breaks off ("a man in a") has a reward as high as a whole one, and training makes such captions likelier.

Reference: Luo et al. (2018), "Discriminability Objective for Training Descriptive Captions", arXiv:1803.04376 (in
their code, the end counts as a word of CIDEr-D).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["END", "BleuReward", "CiderReward", "Reward", "Words", "bleu_counts", "rewards_by_name"]

END = "</s>"
"""Word after the last one of a text that has ended."""

Words = tuple[str, ...]
"""Words of a text, with `END` if it has ended."""

Reward = Callable[[Sequence[Sequence[Words]], Sequence[Sequence[Words]]], NDArray[np.float64]]
"""Function from the captions and the references of each photo to rewards, `(photos, captions) float64`."""

Ngram = tuple[str, ...]
"""Words of an n-gram."""

MAX_ORDER = 4
"""Length of the longest n-grams, words."""

ORDERS = range(1, MAX_ORDER + 1)
"""Lengths of n-grams, words."""

MIN_AVERAGE = 0.01
"""Lower bound of the averages, so that n-grams that hardly ever match do not outweigh all others."""


class BleuReward:
    """Contribution of a caption to log corpus BLEU, to first order.

    BLEU of a single caption rewards short captions, by the smoothing of their few 4-grams, and applies the brevity
    penalty per caption. Corpus BLEU is log BLEU = Σ_n ¼ (log h_n - log t_n) + min(0, 1 - r/c), with the sums over the
    corpus h_n of matching n-grams, t_n of n-grams, and r and c of the lengths of references and captions. To first
    order, a caption adds Σ_n ¼ (h_n / h̄_n - t_n / t̄_n), and (r̄ c / c̄ - r) / c̄ if the corpus is too short. The averages
    h̄ … are moving averages over sampled captions.

    The counts are those of sacreBLEU, whose `sentence_score` took several times as long; a test compares them.

    Reference: Tromble et al. (2008), "Lattice Minimum Bayes-Risk Decoding for Statistical Machine Translation".
    """

    def __init__(self, memory: float = 0.95) -> None:
        """Create the reward.

        Args:
            memory: decay of the averages per call, 0 to 1. (default: 0.95)
        """
        self._memory = memory
        self._average: NDArray[np.float64] | None = None

    def __call__(
        self, captions: Sequence[Sequence[Words]], references: Sequence[Sequence[Words]]
    ) -> NDArray[np.float64]:
        """Compute rewards in units of log BLEU times the size of the corpus; mean about 0."""
        counts = np.array([bleu_counts(*photo) for photo in zip(captions, references, strict=True)], dtype=np.float64)
        mean = counts.mean(axis=(0, 1))  # counts: (photos, captions, 2·MAX_ORDER + 2)
        previous = mean if self._average is None else self._average
        self._average = self._memory * previous + (1.0 - self._memory) * mean
        average = np.maximum(self._average, MIN_AVERAGE)
        matches, ngrams, length, reference_length = np.split(
            counts / average, [MAX_ORDER, 2 * MAX_ORDER, 2 * MAX_ORDER + 1], axis=2
        )
        rewards: NDArray[np.float64] = np.sum(matches - ngrams, axis=2) / MAX_ORDER
        length_ratio = average[-1] / average[-2]  # r / c
        if length_ratio > 1.0:
            rewards += length_ratio * (length - reference_length)[:, :, 0]
        return rewards


def bleu_counts(captions: Sequence[Words], references: Sequence[Words]) -> list[list[int]]:
    """Return h_n, t_n, c and r of each caption of a photo, see `BleuReward`."""
    most: Counter[Ngram] = Counter()
    for words in references:
        most |= _count(words)
    lengths = sorted(map(len, references))  # of two that are equally close, the shorter one counts
    rows = []
    for words in captions:
        matches, length = [0] * MAX_ORDER, len(words)
        for ngram, count in _count(words).items():
            matches[len(ngram) - 1] += min(count, most.get(ngram, 0))
        totals = [max(0, length - order) for order in range(MAX_ORDER)]
        rows.append([*matches, *totals, length, min(lengths, key=lambda other: abs(other - length))])
    return rows


SIGMA = 6.0
"""Standard deviation of CIDEr-D's length penalty, words."""


class _Vector(NamedTuple):
    """CIDEr's vector of a text.

    Attributes:
        weights: tf-idf of the n-grams.
        norms: for each n, the Euclidean norm of the weights.
        words: number of words.
    """

    weights: dict[Ngram, float]
    norms: tuple[float, ...]
    words: int


class CiderReward:
    """CIDEr-D of a caption: its similarity to the photo's references by n-grams, weighted by their rarity.

    pycocoevalcap computes the rarity of n-grams from the references of the captions that it scores. A reward needs the
    rarity in the whole train split for a few captions at a time, hence this implementation; a test compares it with
    pycocoevalcap.

    Reference: Vedantam et al. (2015), "CIDEr: Consensus-based Image Description Evaluation", arXiv:1411.5726.
    """

    def __init__(self, corpus: Sequence[Sequence[Words]]) -> None:
        """Count the n-grams of a corpus, the references of all train photos."""
        documents = Counter(chain.from_iterable(set(chain.from_iterable(map(_ngrams, texts))) for texts in corpus))
        self._rarity = {ngram: log(len(corpus)) - log(count) for ngram, count in documents.items()}
        self._highest = log(len(corpus))

    def __call__(
        self, captions: Sequence[Sequence[Words]], references: Sequence[Sequence[Words]]
    ) -> NDArray[np.float64]:
        """Compute rewards, 0 to 10; papers report 10 times that."""
        return np.array([self._scores(*photo) for photo in zip(captions, references, strict=True)], dtype=np.float64)

    def _vector(self, words: Words) -> _Vector:
        """Compute the vector of a text."""
        weights = {ngram: count * self._rarity.get(ngram, self._highest) for ngram, count in _count(words).items()}
        squares = [0.0] * MAX_ORDER
        for ngram, weight in weights.items():
            squares[len(ngram) - 1] += weight * weight
        return _Vector(weights, tuple(map(sqrt, squares)), len(words))

    def _scores(self, captions: Sequence[Words], references: Sequence[Words]) -> list[float]:
        """Compute CIDEr-D of each caption of a photo."""
        vectors = [self._vector(words) for words in references]
        weights_of: dict[Ngram, list[tuple[int, float]]] = defaultdict(list)
        for index, vector in enumerate(vectors):
            for ngram, weight in vector.weights.items():
                weights_of[ngram].append((index, weight))
        return [self._score(self._vector(words), vectors, weights_of) for words in captions]

    def _score(
        self, caption: _Vector, references: Sequence[_Vector], weights_of: dict[Ngram, list[tuple[int, float]]]
    ) -> float:
        """Compute CIDEr-D of a caption. `weights_of` has the weights of an n-gram in the references, by index."""
        products = [[0.0] * MAX_ORDER for _ in references]
        for ngram, weight in caption.weights.items():
            for index, other in weights_of.get(ngram, ()):
                products[index][len(ngram) - 1] += min(weight, other) * other
        total = 0.0
        for reference, of_orders in zip(references, products, strict=True):
            penalty = exp(-((caption.words - reference.words) ** 2) / (2 * SIGMA**2))
            norms = zip(of_orders, caption.norms, reference.norms, strict=True)
            total += penalty * sum(product / (norm * other) for product, norm, other in norms if norm and other)
        return 10.0 * total / (MAX_ORDER * len(references))


def _ngrams(words: Words) -> Iterable[Ngram]:
    """Return the n-grams of a text, up to `MAX_ORDER` words."""
    return chain.from_iterable(zip(*(words[start:] for start in range(order)), strict=False) for order in ORDERS)


@lru_cache(maxsize=1024)
def _count(words: Words) -> Counter[Ngram]:
    """Count the n-grams of a text; kept, since both rewards count those of a batch."""
    return Counter(_ngrams(words))


def rewards_by_name(name: str, corpus: Sequence[Sequence[Words]]) -> Callable[[], list[Reward]]:
    """Return the function that creates the rewards of an epoch.

    Args:
        name: "cider", "bleu" or "both".
        corpus: references of all train photos.
    """
    makers: dict[str, list[Callable[[], Reward]]] = {"bleu": [BleuReward], "cider": [], "both": [BleuReward]}
    if name != "bleu":
        cider = CiderReward(corpus)
        makers[name].insert(0, lambda: cider)
    return lambda: [make() for make in makers[name]]
