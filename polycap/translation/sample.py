"""Samples of a translation, kept and dropped, for a speaker of the language to judge."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.files.strangers import parse_json
from polycap.translation.translate import TranslationReport

__all__ = ["TranslatedPair", "aligned_lines", "dropped_examples", "sample_of"]

SAMPLE = 40
"""Default number of captions on the page."""
EXAMPLES = 8
"""Default number of dropped captions per filter on the page."""
SOURCE_WIDTH = 64
"""Maximum width of the source's column in a terminal, characters; longer sources are not cut."""


@dataclass(frozen=True)
class TranslatedPair:
    """Caption and translation.

    Attributes:
        image: name of the photo.
        index: index of the caption.
        source: source caption.
        caption: translation.
        score: mean log-probability of its tokens, nats; None if the engine has no scores. (default: None)
        dropped: reasons of the filters that rejected it, by filter. (default: none)
    """

    image: str
    index: int
    source: str
    caption: str
    score: float | None = None
    dropped: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the pair."""
        row = {"image": self.image, "index": self.index, "source": self.source, "caption": self.caption}
        return {**row, "score": self.score}


def sample_of(report: TranslationReport, count: int = SAMPLE) -> list[TranslatedPair]:
    """Return `count` of the kept translations, evenly spaced."""
    return _evenly(_read_pairs(report.out), report.kept, count)


def dropped_examples(report: TranslationReport, gate: str, count: int = EXAMPLES) -> list[TranslatedPair]:
    """Return `count` of the translations that a filter dropped, evenly spaced."""
    dropped = (pair for pair in _read_pairs(report.dropped) if gate in pair.dropped)
    return _evenly(dropped, report.gates[gate], count)


def aligned_lines(pairs: Sequence[TranslatedPair]) -> list[str]:
    """Return lines for a terminal, with the source on the left. Right-to-left text is left to the terminal."""
    width = min(SOURCE_WIDTH, max((len(pair.source) for pair in pairs), default=0))
    return [f"{pair.source:{width}} │ {pair.caption}" for pair in pairs]


def _evenly(pairs: Iterator[TranslatedPair], total: int, count: int) -> list[TranslatedPair]:
    count = min(count, total)
    places = {place * total // count for place in range(count)}
    return [pair for place, pair in enumerate(pairs) if place in places]


def _read_pairs(path: Path) -> Iterator[TranslatedPair]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            row = parse_json(line)
            yield TranslatedPair(**{key: value for key, value in row.items() if key not in ("origin", "weight")})
