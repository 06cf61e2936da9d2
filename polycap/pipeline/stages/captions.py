"""The captions to learn: given, translated, or mixed."""

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
from polycap.pipeline.steps import translate_language

__all__ = ["CaptionsStage", "MixedCaptionsStage", "TranslatedCaptionsStage"]

logger = logging.getLogger(__name__)
TRANSLATED = "translated.jsonl"
"""The translations, where there are other captions besides."""


class CaptionsStage(JobStage):
    """The captions to learn, in one form: JSON Lines, for photos of the dataset only."""

    name = "captions"

    def facts(self) -> dict[str, str]:
        """The captions themselves: the same ones in another file format change nothing."""
        return _caption_facts(self.job.source)

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Write them."""
        return StageResult(dict(inputs), [_write_captions(place, self.job.source)])


def _caption_facts(dataset: Dataset) -> dict[str, str]:
    """What later stages depend on of captions."""
    facts = {"captions": dataset.fingerprint(), "caption origin": dataset.caption_origin}
    if len(count_origins(dataset.photos)) > 1:  # then they also decide which dev captions epochs are judged by
        origins = [[photo.name, [caption.origin for caption in photo.captions]] for photo in dataset.photos]
        facts["origin of each caption"] = digest(origins)
    return facts


def _write_captions(place: Path, dataset: Dataset) -> Path:
    """Write the captions to learn, and tell of what was left out."""
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
    """The captions to learn, translated from the dataset's own; what was translated before is kept."""

    name = "captions"

    def facts(self) -> dict[str, str]:
        """What is translated by what, and which translations are good enough."""
        job = self.job
        return {
            "source captions": job.dataset.fingerprint(),
            "engine": job.translator.identity,
            "script": job.language.script,
            **table("translation.gates", job.language.translation.gates),
        }

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Translate."""
        self.translate(place / CAPTIONS, inputs)
        return StageResult(_caption_facts(self.job.captioned), [place / CAPTIONS])

    def translate(self, path: Path, inputs: Values) -> None:
        """Translate, or go on; what another engine said, or of other captions, stays in a folder of its own."""
        job, place = self.job, path.parent
        journal = place / f"translation-{digest([inputs['source captions'], inputs['engine']])}"
        done = translate_language(
            job.language, job.dataset, job.translator, path, journal=journal, progress=job.progress
        )
        for line in done.lines():
            logger.info("captions: %s", line)


class MixedCaptionsStage(TranslatedCaptionsStage):
    """The dataset's captions, translated, with those of the files that the language's folder names, by its weights."""

    def facts(self) -> dict[str, str]:
        """The translation's, and the other captions."""
        others = {f"{name} of files": value for name, value in _caption_facts(self.job.given).items()}
        return {**super().facts(), **others, "weight of translations": f"{self._weight:g}"}

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Translate, and put all together."""
        translated = place / TRANSLATED
        self.translate(translated, inputs)
        mixed = self.job.mix([CaptionSource(translated, weight=self._weight), *self.job.files])
        return StageResult(_caption_facts(mixed), [_write_captions(place, mixed), translated])

    @property
    def _weight(self) -> float:
        return next(source.weight for source in self.job.language.captions if source.translated)
