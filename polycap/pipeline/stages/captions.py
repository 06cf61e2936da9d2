"""Captions to learn from: given, translated, or mixed."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

from polycap.dataset import CaptionSource, Dataset, count_origins
from polycap.files import digest, write_text
from polycap.pipeline.job import CAPTIONS, table
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.stages.base import JobStage
from polycap.pipeline.steps import translate_language, translation_journal

__all__ = ["CaptionsStage", "MixedCaptionsStage", "TranslatedCaptionsStage"]

logger = logging.getLogger(__name__)
TRANSLATED = "translated.jsonl"
"""File of the translations, if there are other captions, too."""


class CaptionsStage(JobStage):
    """Given captions, written in one form: JSON Lines, for photos of the dataset only."""

    name = "captions"

    def facts(self) -> dict[str, str]:
        """Return the captions' content: the same captions in another file format are no change."""
        return _caption_facts(self.job.source)

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Write the captions."""
        return StageResult(dict(inputs), [_write_captions(place, self.job.source)])


def _caption_facts(dataset: Dataset) -> dict[str, str]:
    """Return the facts about captions that later stages depend on."""
    facts = {"captions": dataset.fingerprint(), "caption origin": dataset.caption_origin}
    if len(count_origins(dataset.photos)) > 1:  # then they decide the references of the dev score
        origins = [[photo.name, [caption.origin for caption in photo.captions]] for photo in dataset.photos]
        facts["origin of each caption"] = digest(origins)
    return facts


def _write_captions(place: Path, dataset: Dataset) -> Path:
    """Write captions, and warn of faults."""
    path = place / CAPTIONS
    write_text(path, "".join(f"{line}\n" for line in _caption_lines(dataset)))
    if dataset.faults:
        logger.warning("captions: %d faults, first: %s", len(dataset.faults), dataset.faults[0])
    return path


def _caption_lines(dataset: Dataset) -> Iterator[str]:
    for photo in dataset.photos:
        for caption in photo.captions:
            row = {"image": photo.name, "index": caption.index, "caption": caption.text, "origin": caption.origin}
            yield json.dumps(row | ({"weight": caption.weight} if caption.weight != 1 else {}), ensure_ascii=False)


class TranslatedCaptionsStage(JobStage):
    """Captions translated from the dataset's own or another language's. Earlier translations are reused."""

    name = "captions"

    def facts(self) -> dict[str, str]:
        """Return the source captions, the engine and the filters."""
        job, facts = self.job, self.job.language.translation
        others = {} if facts.captions_of is None else _caption_facts(job.untranslated)
        corrections = {"[translation.corrections]": digest(sorted(facts.corrections.items()))}
        return {
            "source captions": job.untranslated.fingerprint(),
            **{f"source {name}": value for name, value in others.items()},
            "engine": job.translator.identity,
            "script": job.language.script,
            **table("translation.gates", facts.gates),
            **(corrections if facts.corrections else {}),
        }

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Translate the captions."""
        self.translate(place / CAPTIONS, inputs)
        return StageResult(_caption_facts(self.job.captioned), [place / CAPTIONS])

    def translate(self, path: Path, inputs: Values) -> None:
        """Translate, or resume. Each engine and each set of source captions has its own journal."""
        job, place = self.job, path.parent
        journal = translation_journal(place, job.untranslated, inputs["engine"])
        done = translate_language(
            job.language, job.untranslated, path, job.translator, journal=journal, progress=job.progress
        )
        for line in done.lines():
            logger.info("captions: %s", line)


class MixedCaptionsStage(TranslatedCaptionsStage):
    """Captions translated from the dataset's own, with the caption files of the language's folder, by weight."""

    def facts(self) -> dict[str, str]:
        """Return the facts of the translation and of the other captions."""
        others = {f"{name} of files": value for name, value in _caption_facts(self.job.given).items()}
        return {**super().facts(), **others, "weight of translations": f"{self._weight:g}"}

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Translate, and write all captions in one file."""
        translated = place / TRANSLATED
        self.translate(translated, inputs)
        mixed = self.job.mix([CaptionSource(translated, weight=self._weight), *self.job.files])
        return StageResult(_caption_facts(mixed), [_write_captions(place, mixed), translated])

    @property
    def _weight(self) -> float:
        return next(source.weight for source in self.job.language.captions if source.translated)
