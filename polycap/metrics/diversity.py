"""Diversity and lengths of captions."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

__all__ = ["Diversity", "Lengths"]

Words = Callable[[str], list[str]]


@dataclass(frozen=True)
class Diversity:
    """Diversity of a set of captions, one per photo.

    The ratios fall as a set grows: compare sets of the same size.

    Attributes:
        captions: number of captions.
        distinct: number of different captions.
        vocabulary: number of different words.
        div1: number of different words / number of words, 0 to 1 (Li et al., 2016, arXiv:1510.03055).
        div2: number of different pairs of adjacent words / number of pairs, 0 to 1 (Li et al.).
        most_frequent: most frequent caption; the first of several.
        most_frequent_share: share of the photos with that caption, 0 to 1.
    """

    captions: int
    distinct: int
    vocabulary: int
    div1: float
    div2: float
    most_frequent: str
    most_frequent_share: float

    @classmethod
    def of(cls, captions: list[str], words: Words) -> "Diversity":
        """Compute the diversity of one or more captions that are single lines."""
        sequences = [words(text) for text in captions]
        singles = Counter(word for sequence in sequences for word in sequence)
        pairs = Counter(pair for sequence in sequences for pair in pairwise(sequence))
        [(text, count)] = Counter(captions).most_common(1)
        return cls(
            captions=len(captions),
            distinct=len(set(captions)),
            vocabulary=len(singles),
            div1=_share(singles),
            div2=_share(pairs),
            most_frequent=text,
            most_frequent_share=count / len(captions),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields, with ratios rounded to 4 decimals."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


def _share(counts: Counter[Any]) -> float:
    return len(counts) / counts.total() if counts else 0.0


@dataclass(frozen=True)
class Lengths:
    """Histogram of the lengths of texts: `counts[n]` texts have n words."""

    counts: tuple[int, ...]

    @classmethod
    def of(cls, texts: list[str], words: Words) -> "Lengths":
        """Count the words of one or more texts."""
        counts = Counter(len(words(text)) for text in texts)
        return cls(tuple(counts[length] for length in range(max(counts) + 1)))

    @property
    def mean(self) -> float:
        """Mean number of words."""
        return sum(length * count for length, count in enumerate(self.counts)) / sum(self.counts)

    def to_json(self) -> dict[str, Any]:
        """Return the mean, rounded to 2 decimals, and the counts from 0 words on."""
        return {"mean": round(self.mean, 2), "counts": list(self.counts)}
