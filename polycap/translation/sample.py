"""What a speaker judges a translation by before anything is learned from it: a sample, and what the gates dropped."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.translation.translate import TranslationReport

__all__ = ["TranslatedPair", "aligned_lines", "dropped_examples", "sample_of"]

SAMPLE = 40
"""Captions that the page shows, unless another number is asked for."""
EXAMPLES = 8
"""Dropped captions that the page shows of each gate."""
SOURCE_WIDTH = 64
"""Characters of the source's column in a terminal; a longer source pushes its translation to the right."""


@dataclass(frozen=True)
class TranslatedPair:
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


def sample_of(report: TranslationReport, count: int = SAMPLE) -> list[TranslatedPair]:
    """So many of the captions that were kept, at even distances."""
    return _evenly(_read(report.out), report.kept, count)


def dropped_examples(report: TranslationReport, gate: str, count: int = EXAMPLES) -> list[TranslatedPair]:
    """So many of the captions that a gate dropped, at even distances."""
    found = (pair for pair in _read(report.dropped) if gate in pair.dropped)
    return _evenly(found, report.gates[gate], count)


def aligned_lines(pairs: Sequence[TranslatedPair]) -> list[str]:
    """Lines for a terminal, source on the left. The terminal itself must know how to write from right to left."""
    width = min(SOURCE_WIDTH, max((len(pair.source) for pair in pairs), default=0))
    return [f"{pair.source:{width}} │ {pair.caption}" for pair in pairs]


def _evenly(pairs: Iterator[TranslatedPair], total: int, count: int) -> list[TranslatedPair]:
    count = min(count, total)
    places = {place * total // count for place in range(count)}
    return [pair for place, pair in enumerate(pairs) if place in places]


def _read(path: Path) -> Iterator[TranslatedPair]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            row.pop("origin")
            yield TranslatedPair(**row)
