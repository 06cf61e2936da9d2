"""Translate a dataset's captions: each different caption once, resumable, filtered, with their origin.

::

    translations/CODE.jsonl           image, index, source, caption, origin, score: a caption file
    translations/CODE.dropped.jsonl   rejected translations, with reasons
    translations/CODE.journal/        all translations of the engine, before the filters

After a change of filters, the command can be run again without translating again.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.dataset import HUMAN, Dataset, count_origins, translated_origin
from polycap.dataset.clean import has_word
from polycap.dataset.rows import is_origin
from polycap.errors import TranslationError
from polycap.files import atomic_path, make_folder
from polycap.files.progress import progress_bar
from polycap.language import Language
from polycap.translation.corrections import corrector
from polycap.translation.engine import Translation, Translator
from polycap.translation.gates import GATES, Refusal, check_translation, lowest_scored, repeated_answers, usual_ratio
from polycap.translation.journal import CAPTIONS_PER_CHUNK, Journal

__all__ = ["TranslationReport", "dropped_file", "translate_captions"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TranslationReport:
    """Report of a translation.

    Attributes:
        language: code of the target language.
        origin: origins of the translations, such as "mt:argos/en_de@1.0", joined by "+".
        captions: number of captions in the dataset.
        unique: number of different captions.
        kept: number of captions that passed the filters.
        gates: number of captions that each filter rejected; several filters may reject one caption.
        length_ratio: median of letters in a translation per letter of its source.
        out: caption file.
        dropped: file of rejected translations.
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
        """Return the JSON object of the report."""
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
        """Return the report as lines of text."""
        dropped = self.captions - self.kept
        gates = ", ".join(f"{name} {count:,}" for name, count in self.gates.items() if count)
        return [
            f"{self.captions:,} captions ({self.unique:,} different) into {self.language} by {self.origin}",
            f"kept {self.kept:,} in {self.out}",
            f"dropped {dropped:,} ({dropped / max(1, self.captions):.2%}) in {self.dropped}"
            + (f": {gates}" if gates else ""),
        ]


def dropped_file(out: Path) -> Path:
    """Return the file of rejected translations, beside the caption file `out`."""
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
    """Translate a dataset's captions; resume an interrupted translation, with the same bytes as result.

    Args:
        dataset: photos with captions in the source language.
        language: target language; `[translation.corrections]` are applied, then the filters, by its script and
            `[translation.gates]`.
        translator: loaded engine.
        out: caption file to write, JSON Lines; rejected translations are written beside it.
        journal: folder of the journal. (default: `NAME.journal` beside `out`)
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)
        chunk: captions that are translated and written at once. (default: 1024)

    Raises:
        TranslationError: the engine failed or returned another number of translations; or the journal is of another
            engine or other captions.
        PolycapError: the folder can't be written.
    """
    if not is_origin(f"mt:{translator.identity}"):
        raise TranslationError(
            f"engine identity {translator.identity!r}: has a space, comma or |; report this to the engine's author"
        )
    make_folder(out.parent)
    sources = {_source_text(caption.text) for photo in dataset.photos for caption in photo.captions}
    texts = sorted(filter(has_word, sources))  # an engine would make something up of "..."
    folder = journal or out.with_name(f"{out.stem}.journal")
    with Journal(folder, translator.identity, texts, chunk) as opened:
        _translate_missing(opened, translator, len(texts), progress=progress)
        correct = corrector(language.translation.corrections, spaced=language.has_spaces)
        translations = dict(zip(texts, map(correct, opened.translations()), strict=True))
    translations |= dict.fromkeys(sources - translations.keys(), Translation(""))
    ratio, refusals = _filter(translations, language)
    origins = {
        origin: translated_origin(translator.identity, origin, of_dataset=language.translation.captions_of is None)
        for origin in count_origins(dataset.photos) or (HUMAN,)
    }
    counts = _write(_rows(dataset, translations, origins), refusals, out)
    total = sum(len(photo.captions) for photo in dataset.photos)
    gates = {gate: counts[gate] for gate in GATES}
    return TranslationReport(
        language.code,
        "+".join(origins.values()),
        total,
        len(texts),
        counts["kept"],
        gates,
        ratio,
        out,
        dropped_file(out),
    )


def _write(rows: Iterable[dict[str, Any]], refusals: Mapping[str, Sequence[Refusal]], out: Path) -> Counter[str]:
    """Write both files; return the number of kept captions, as "kept", and of those that each filter rejected."""
    counts: Counter[str] = Counter()
    with (
        atomic_path(out) as kept_path,
        atomic_path(dropped_file(out)) as dropped_path,
        kept_path.open("w", encoding="utf-8") as kept,
        dropped_path.open("w", encoding="utf-8") as dropped,
    ):
        for row in rows:
            reasons = {refusal.gate: refusal.why for refusal in refusals.get(row["source"], ())}
            counts.update(list(reasons) or ["kept"])
            row |= {"dropped": reasons} if reasons else {}
            print(json.dumps(row, ensure_ascii=False), file=dropped if reasons else kept)
    return counts


def _translate_missing(journal: Journal, translator: Translator, total: int, *, progress: bool | None) -> None:
    """Translate the captions that are not in the journal yet."""
    resumed, start = journal.done, time.monotonic()
    if resumed and resumed < total:
        logger.info("%s: resuming after %d of %d captions", journal.folder, resumed, total)
    with progress_bar(show=progress, total=total, done=resumed, unit="caption") as bar:
        for texts in journal.missing():
            translations = translator.translate(texts)
            if len(translations) != len(texts):
                raise TranslationError(
                    f"{translator.identity}: returned {len(translations)} translations of {len(texts)} captions; "
                    "expected as many. Earlier translations are kept: try again, or choose another `engine`"
                )
            journal.append(translations)
            bar.update(len(texts))
    if journal.done > resumed:
        seconds = time.monotonic() - start
        rate = (journal.done - resumed) / max(seconds, 1e-9)
        logger.info("%s: %d captions in %.1f s, %.0f/s", translator.identity, journal.done - resumed, seconds, rate)


def _filter(
    translations: Mapping[str, Translation], language: Language
) -> tuple[float, dict[str, tuple[Refusal, ...]]]:
    """Apply the filters; return the usual ratio of lengths, and the rejections by source caption."""
    ratio = usual_ratio((source, translation.text) for source, translation in translations.items())
    refusals: dict[str, tuple[Refusal, ...]] = {}
    for source, translation in translations.items():
        if rejected := check_translation(source, translation, language, ratio=ratio):
            refusals[source] = rejected
    lowest = lowest_scored(translations, language.translation.gates.drop_lowest)
    for source, refusal in [*repeated_answers(translations).items(), *lowest.items()]:
        refusals[source] = (*refusals.get(source, ()), refusal)
    return ratio, refusals


def _rows(
    dataset: Dataset, translations: Mapping[str, Translation], origins: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each caption of the dataset; `origins` has a translation's origin by its source's."""
    for photo in dataset.photos:
        for caption in photo.captions:
            source = _source_text(caption.text)
            translation = translations[source]
            row = {"image": photo.name, "index": caption.index, "source": source}
            row |= {"caption": translation.text, "origin": origins[caption.origin], "score": translation.score}
            yield row | ({"weight": caption.weight} if caption.weight != 1 else {})


def _source_text(text: str) -> str:
    """Return a caption on one line, for engines; a caption of a table may have line breaks."""
    return " ".join(text.split())
