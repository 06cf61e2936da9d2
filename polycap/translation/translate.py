"""A dataset's captions into a language: each different one once, resumable, checked, with its origin.

::

    translations/CODE.jsonl           image, index, source, caption, origin, score: a caption file like any other
    translations/CODE.dropped.jsonl   what the gates refused, and why
    translations/CODE.journal/        all that the engine said; gates are applied to it afterwards

The gates may therefore be changed, and the command run again, without translating anything twice.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.dataset import Dataset
from polycap.dataset.readers import is_origin
from polycap.errors import TranslationError
from polycap.files import atomic_path, make_folder
from polycap.files.progress import progress_bar
from polycap.language import Language
from polycap.translation.engine import Translation, Translator
from polycap.translation.gates import GATES, Refusal, check_translation, lowest_scored, usual_ratio
from polycap.translation.journal import CAPTIONS_PER_CHUNK, Journal

__all__ = ["TranslationReport", "dropped_file", "translate_captions"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TranslationReport:
    """What came of a translation.

    Attributes:
        language: the code.
        origin: what the captions are from now on, such as "mt:argos/en_de@1.0".
        captions: how many the dataset has.
        unique: how many of them differ: as many were translated.
        kept: how many were written.
        gates: by gate, how many captions it refused; one may be refused by several.
        length_ratio: letters in a translation per letter of its source: the median.
        out: the captions.
        dropped: what was refused, and why.
    """

    language: str
    origin: str
    captions: int
    unique: int
    kept: int
    gates: dict[str, int]
    length_ratio: float
    out: Path
    dropped: Path

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return {
            "language": self.language,
            "origin": self.origin,
            "captions": self.captions,
            "unique": self.unique,
            "kept": self.kept,
            "dropped": self.captions - self.kept,
            "gates": self.gates,
            "length_ratio": round(self.length_ratio, 4),
            "out": str(self.out),
            "dropped_file": str(self.dropped),
        }

    def lines(self) -> list[str]:
        """The report for a person."""
        dropped = self.captions - self.kept
        gates = ", ".join(f"{name} {count:,}" for name, count in self.gates.items() if count)
        return [
            f"{self.captions:,} captions ({self.unique:,} different) into {self.language} by {self.origin}",
            f"kept {self.kept:,} in {self.out}",
            f"dropped {dropped:,} ({dropped / max(1, self.captions):.2%}) in {self.dropped}"
            + (f": {gates}" if gates else ""),
        ]


def dropped_file(out: Path) -> Path:
    """Where what the gates refuse goes: beside the captions."""
    return out.with_name(f"{out.stem}.dropped.jsonl")


def translate_captions(
    dataset: Dataset,
    language: Language,
    translator: Translator,
    out: Path,
    *,
    journal: Path | None = None,
    progress: bool | None = None,
    chunk: int = CAPTIONS_PER_CHUNK,
) -> TranslationReport:
    """Translate a dataset's captions, or go on where a killed run stopped; the bytes at the end are the same.

    Args:
        dataset: photos with captions that the engine understands.
        language: its script and `[translation.gates]` decide what is kept.
        translator: the engine, ready.
        out: the captions, JSON Lines; what is dropped goes beside it.
        journal: the folder of what the engine said; one is beside `out` unless given.
        progress: draw a bar, if stderr is a terminal.
        chunk: captions that are translated and kept at once.

    Raises:
        TranslationError: the engine failed or returned too few; or what is in the journal is of another engine or of
            other captions.
        PolycapError: the folder can't be written.
    """
    origin = f"mt:{translator.identity}"
    if not is_origin(origin):
        raise TranslationError(f"engine identity {translator.identity!r}: has a space, comma or |; the engine's fault")
    make_folder(out.parent)
    texts = sorted({_one_line(caption.text) for photo in dataset.photos for caption in photo.captions})
    folder = journal or out.with_name(f"{out.stem}.journal")
    with Journal(folder, translator.identity, texts, chunk) as kept:
        _fill(kept, translator, len(texts), progress=progress)
        found = dict(zip(texts, kept.translations(), strict=True))
    ratio, refused = _refuse(found, language)
    counts = _write(_rows(dataset, found, origin), refused, out)
    total = sum(len(photo.captions) for photo in dataset.photos)
    gates = {gate: counts[gate] for gate in GATES}
    return TranslationReport(
        language.code, origin, total, len(texts), counts["kept"], gates, ratio, out, dropped_file(out)
    )


def _write(rows: Iterable[dict[str, Any]], refused: Mapping[str, Sequence[Refusal]], out: Path) -> Counter[str]:
    """Write what is kept and what is dropped; returns how many are kept, and how many each gate refused."""
    counts: Counter[str] = Counter()
    with (
        atomic_path(out) as good,
        atomic_path(dropped_file(out)) as bad,
        good.open("w", encoding="utf-8") as keep,
        bad.open("w", encoding="utf-8") as drop,
    ):
        for row in rows:
            reasons = {refusal.gate: refusal.why for refusal in refused.get(row["source"], ())}
            counts.update(list(reasons) or ["kept"])
            row |= {"dropped": reasons} if reasons else {}
            print(json.dumps(row, ensure_ascii=False), file=drop if reasons else keep)
    return counts


def _fill(journal: Journal, translator: Translator, total: int, *, progress: bool | None) -> None:
    """Have the engine translate what is missing."""
    begun, start = journal.done, time.monotonic()
    if begun and begun < total:
        logger.info("%s: going on after %d of %d captions", journal.folder, begun, total)
    with progress_bar(show=progress, total=total, done=begun, unit="caption") as bar:
        for texts in journal.missing():
            translations = translator.translate(texts)
            if len(translations) != len(texts):
                raise TranslationError(
                    f"{translator.identity}: returned {len(translations)} translations of {len(texts)} captions; "
                    "expected as many. What was translated before is kept: try again, or choose another `engine`"
                )
            journal.append(translations)
            bar.update(len(texts))
    if journal.done > begun:
        seconds = time.monotonic() - start
        rate = (journal.done - begun) / max(seconds, 1e-9)
        logger.info("%s: %d captions in %.1f s, %.0f/s", translator.identity, journal.done - begun, seconds, rate)


def _refuse(found: Mapping[str, Translation], language: Language) -> tuple[float, dict[str, tuple[Refusal, ...]]]:
    """The usual ratio of lengths, and by source caption what is wrong with its translation."""
    ratio = usual_ratio((source, translation.text) for source, translation in found.items())
    refused: dict[str, tuple[Refusal, ...]] = {}
    for source, translation in found.items():
        if wrong := check_translation(source, translation, language, ratio=ratio):
            refused[source] = wrong
    for source, refusal in lowest_scored(found, language.translation.gates.drop_lowest).items():
        refused[source] = (*refused.get(source, ()), refusal)
    return ratio, refused


def _rows(dataset: Dataset, found: Mapping[str, Translation], origin: str) -> Iterator[dict[str, Any]]:
    """A row for every caption of the dataset."""
    for photo in dataset.photos:
        for caption in photo.captions:
            source = _one_line(caption.text)
            translation = found[source]
            row = {"image": photo.name, "index": caption.index, "source": source}
            yield {**row, "caption": translation.text, "origin": origin, "score": translation.score}


def _one_line(text: str) -> str:
    """As engines take it: a caption of a table may hold line breaks."""
    return " ".join(text.split())
