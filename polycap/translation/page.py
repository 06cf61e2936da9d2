"""HTML page of a translation: a sample, and dropped captions by filter."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polycap.language import Language
from polycap.pages.template import write_template
from polycap.translation.choose import source_of
from polycap.translation.sample import TranslatedPair, dropped_examples
from polycap.translation.translate import TranslationReport

__all__ = ["write_report"]

_WORDS = {
    "empty": "no letters or digits",
    "copied": "words of the source",
    "script": "letters of another script",
    "length": "much longer or shorter than usual",
    "repeats": "repeated words",
    "unknown": "words unknown to the engine",
    "same": "the same words for many captions",
    "score": "lowest scores of the engine",
}


@dataclass(frozen=True)
class _Gate:
    """Filter, for the template."""

    name: str
    words: str
    count: int
    examples: Sequence[TranslatedPair]


def write_report(path: Path, language: Language, report: TranslationReport, pairs: Sequence[TranslatedPair]) -> None:
    """Write the page, atomically; it has no links to other files.

    Args:
        path: file of the page.
        language: target language.
        report: report of the translation.
        pairs: sample to show.

    Raises:
        PolycapError: `path` can't be written.
    """
    gates = [
        _Gate(name, _WORDS[name], count, dropped_examples(report, name) if count else ())
        for name, count in report.gates.items()
    ]
    source_code = source_of(language).code
    write_template(
        path,
        "translation.html",
        language=language,
        source_code=source_code,
        report=report,
        pairs=pairs,
        gates=gates,
    )
