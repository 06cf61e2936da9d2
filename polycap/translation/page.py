"""A sample of translations and what was dropped, as an HTML page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polycap.language import Language
from polycap.language.registry import get_source
from polycap.pages.template import write_template
from polycap.translation.sample import TranslatedPair, dropped_examples
from polycap.translation.translate import TranslationReport

__all__ = ["write_report"]

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
class _Gate:
    name: str
    words: str
    count: int
    examples: Sequence[TranslatedPair]


def write_report(path: Path, language: Language, report: TranslationReport, pairs: Sequence[TranslatedPair]) -> None:
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
