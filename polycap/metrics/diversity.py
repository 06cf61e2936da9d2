"""How much captions differ from one another, and how long they are."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

__all__ = ["Diversity", "Lengths"]

Words = Callable[[str], list[str]]


@dataclass(frozen=True)
class Diversity:
    """How much a set of captions, one per photo, differ from one another.

    Shares fall as a set grows: compare sets of the same size.

    Attributes:
        captions: how many there are.
        distinct: how many are different.
        vocabulary: how many different words they use.
        div1: different words / words, 0 to 1; `div2` the same of pairs of words (Li et al., 2016, arXiv:1510.03055).
        most_frequent: the caption that is given most often; of several, the first.
        most_frequent_share: for which share of the photos, 0 to 1.
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
        """Look at captions, at least one, that are single lines."""
        divided = [words(text) for text in captions]
        singles = Counter(word for found in divided for word in found)
        pairs = Counter(pair for found in divided for pair in pairwise(found))
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
        """Shares rounded to 4 decimals."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


def _share(counts: Counter[Any]) -> float:
    return len(counts) / counts.total() if counts else 0.0


@dataclass(frozen=True)
class Lengths:
    """How long texts are: `counts[n]` of them have n words."""

    counts: tuple[int, ...]

    @classmethod
    def of(cls, texts: list[str], words: Words) -> "Lengths":
        """Count the words of texts, at least one."""
        found = Counter(len(words(text)) for text in texts)
        return cls(tuple(found[number] for number in range(max(found) + 1)))

    @property
    def mean(self) -> float:
        """Words in a text."""
        return sum(number * count for number, count in enumerate(self.counts)) / sum(self.counts)

    def to_json(self) -> dict[str, Any]:
        """The mean, rounded to 2 decimals, and the counts from 0 words on."""
        return {"mean": round(self.mean, 2), "counts": list(self.counts)}
