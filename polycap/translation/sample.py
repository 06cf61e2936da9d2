"""What a speaker judges a translation by before anything is learned from it: a sample, and what the gates dropped."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.translation.translate import TranslationReport

__all__ = ["Pair", "dropped_examples", "sample_of", "side_by_side"]

SAMPLE = 40
"""Captions that the page shows, unless another number is asked for."""
EXAMPLES = 8
"""Dropped captions that the page shows of each gate."""
SOURCE_WIDTH = 64
"""Characters of the source's column in a terminal; a longer source pushes its translation to the right."""


@dataclass(frozen=True)
class Pair:
    """A caption and its translation.

    Attributes:
        image: the photo's name.
        index: the caption's.
        source: what was translated.
        caption: what came of it.
        score: the engine's own, mean log-probability of a token, if it gives one.
        dropped: by gate, why it was dropped.
    """

    image: str
    index: int
    source: str
    caption: str
    score: float | None = None
    dropped: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The pair as JSON-able values."""
        row = {"image": self.image, "index": self.index, "source": self.source, "caption": self.caption}
        return {**row, "score": self.score}


def sample_of(report: TranslationReport, count: int = SAMPLE) -> list[Pair]:
    """So many of the captions that were kept, at even distances."""
    return _evenly(_read(report.out), report.kept, count)


def dropped_examples(report: TranslationReport, gate: str, count: int = EXAMPLES) -> list[Pair]:
    """So many of the captions that a gate dropped, at even distances."""
    found = (pair for pair in _read(report.dropped) if gate in pair.dropped)
    return _evenly(found, report.gates[gate], count)


def side_by_side(pairs: Sequence[Pair]) -> list[str]:
    """Lines for a terminal, source on the left. The terminal itself must know how to write from right to left."""
    width = min(SOURCE_WIDTH, max((len(pair.source) for pair in pairs), default=0))
    return [f"{pair.source:{width}} │ {pair.caption}" for pair in pairs]


def _evenly(pairs: Iterator[Pair], total: int, count: int) -> list[Pair]:
    count = min(count, total)
    places = {place * total // count for place in range(count)}
    return [pair for place, pair in enumerate(pairs) if place in places]


def _read(path: Path) -> Iterator[Pair]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            row.pop("origin")
            yield Pair(**row)
