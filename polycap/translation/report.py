"""What a speaker judges a translation by before anything is learned from it: a sample, and what the gates dropped."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.language import Language
from polycap.page import write_template
from polycap.registry import get_source
from polycap.translation.translate import TranslationReport

__all__ = ["Pair", "dropped_examples", "sample_of", "side_by_side", "write_report"]

SAMPLE = 40
"""Captions that the page shows, unless another number is asked for."""
EXAMPLES = 8
"""Dropped captions that the page shows of each gate."""
SOURCE_WIDTH = 64
"""Characters of the source's column in a terminal; a longer source pushes its translation to the right."""

_WORDS = {
    "empty": "nothing but punctuation, or nothing at all",
    "copied": "the source's own words",
    "script": "letters of another script",
    "length": "much longer or shorter than is usual here",
    "repeats": "the same words again and again",
    "unknown": "words that the engine does not know",
    "score": "the engine's own least trusted",
}


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


@dataclass(frozen=True)
class _Gate:
    name: str
    words: str
    count: int
    examples: Sequence[Pair]


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


def write_report(path: Path, language: Language, report: TranslationReport, pairs: Sequence[Pair]) -> None:
    """Write the page to `path`, atomically; it needs no other file and no network.

    Args:
        path: the page.
        language: of the translations: its direction and name.
        report: what was counted.
        pairs: the sample to show.

    Raises:
        PolycapError: `path` can't be written.
    """
    gates = [
        _Gate(name, _WORDS[name], count, dropped_examples(report, name) if count else ())
        for name, count in report.gates.items()
    ]
    source_code = get_source().code
    write_template(
        path,
        "translation.html",
        language=language,
        source_code=source_code,
        report=report,
        pairs=pairs,
        gates=gates,
    )


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
