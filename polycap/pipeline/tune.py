"""`tune_encoder`: an encoder that learned from captions, from photos to its artefact and a pack per language.

::

    OUT/activations/plain/, …           the middle flow's activations, 526 kB a photo and view; not needed once the exit
                                        flow is tuned
    OUT/words/KEY/                      runs of the exit flow's tuning, see `polycap.training.encoder`
    OUT/encoder/                        the artefact: unfinished from the second stage on, finished by the last
    OUT/features/KEY/                   features of all photos, see `polycap.pipeline.tuning.features`
    OUT/decoders/KEY/                   runs of the decoders, see `polycap.training.side_by_side`
    OUT/packs/CODE/                     packs over the artefact
    OUT/hashes.json                     hashes of the photos, so that a photo that was replaced is computed again
    …/NAME.stage.json                   a stage's record, beside its outputs

KEY is a hash of the inputs: with other settings, captions or photos, stages run again in folders of their own, and all
others are skipped. Folders of other keys are never removed. Each stage resumes after `kill -9`. With the same seeds,
machine and number of threads every `.safetensors` has the same bytes.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from polycap.dataset import CaptionSource, Dataset, with_sources
from polycap.errors import DatasetError, TrainingError
from polycap.files.locks import lock_folder
from polycap.language import get_language
from polycap.machine.extras import require_keras
from polycap.pipeline.plan import PlannedStage, run_stages
from polycap.pipeline.tuning.activations import ActivationsStage
from polycap.pipeline.tuning.decoders import DecodersStage
from polycap.pipeline.tuning.encoder import EncoderStage
from polycap.pipeline.tuning.features import FeaturesStage
from polycap.pipeline.tuning.job import LanguageCaptions, TuningJob, read_epochs
from polycap.pipeline.tuning.packs import PACKS, PacksStage
from polycap.pipeline.tuning.words import WordsStage
from polycap.runtime.choose import open_runtime
from polycap.runtime.protocol import Runtime
from polycap.training.encoder_settings import EncoderSettings
from polycap.training.settings import TrainingSettings, parse_assignments, parse_settings

__all__ = [
    "STAGES",
    "TunedEncoder",
    "TuningOptions",
    "parse_captions",
    "parse_tuning",
    "read_languages",
    "tune_encoder",
]

logger = logging.getLogger(__name__)

STAGES = (ActivationsStage, WordsStage, EncoderStage, FeaturesStage, DecodersStage, PacksStage)
"""Stages, in order."""

DECODERS = ("epochs=9", "self_critical_epochs=3")
"""Longer training than that of a language alone, since the photo layers learn, too, from nothing."""


@dataclass(frozen=True)
class TuningOptions:
    """Options of `tune_encoder`.

    Attributes:
        words: settings of the exit flow's tuning. (default: `EncoderSettings()`)
        decoders: settings of the decoders, by language code. (default: those of `parse_tuning`)
        components: channels of the last cells after the PCA, 1 to 2048; 512 keep about 85% of the variance. The middle
            flow and the colours have 3/8 and 3/32 as many. (default: 512)
        terms: terms of the captions, for the cards. (default: none)
        encoder_weights: file of Xception's weights to begin with. (default: the first source of `find_weights`)
        runtime: runtime that computes activations and features. (default: `open_runtime()`)
    """

    words: EncoderSettings = field(default_factory=EncoderSettings)
    decoders: Mapping[str, TrainingSettings] = field(default_factory=dict)
    components: int = 512
    terms: Sequence[str] = ()
    encoder_weights: str | PathLike[str] | None = None
    runtime: Runtime | None = None


@dataclass(frozen=True)
class TunedEncoder:
    """Result of the encoder's tuning.

    Attributes:
        encoder: folder of the artefact, as `encoder` takes it everywhere.
        packs: folder of each language's pack over it, by code.
        features: folder of the features of all photos by this encoder.
        epochs: log of the exit flow's tuning: epoch, loss, mean_average_precision (0 to 1), seconds.
        scores: rows of the decoders' scores on the dev split, one per language.
    """

    encoder: Path
    packs: dict[str, Path]
    features: Path
    epochs: tuple[dict[str, float], ...]
    scores: tuple[dict[str, Any], ...]


def tune_encoder(
    dataset: Dataset,
    captions: Mapping[str, Sequence[CaptionSource]],
    out: str | PathLike[str],
    options: TuningOptions | None = None,
    *,
    on_step: Callable[[PlannedStage], None] | None = None,
    progress: bool | None = None,
) -> TunedEncoder:
    """Tune the encoder on several languages' captions: its exit flow on their words, its photo layers with decoders.

    A stage whose inputs are unchanged is skipped, and one that was stopped is resumed.

    Args:
        dataset: photos and splits. Test photos are encoded at the end, and nothing is learned from them.
        captions: sources of captions of these photos, by language code; two languages or more.
        out: folder of all results.
        options: see `TuningOptions`. (default: its defaults)
        on_step: function that is called with each stage before it runs or is skipped. (default: none)
        progress: draw bars on stderr. (default: if it is a terminal)

    Raises:
        LanguageError: a language does not exist.
        DatasetError: captions can't be read, or none is of a train photo or none of a dev photo.
        EncoderError: no usable weights.
        TrainingError: a run in `out` can't be resumed, or settings do not go together.
        FeatureStoreError, BuildError: as for `extract_features` and `lock_folder`.
    """
    require_keras("polycap tune-encoder")
    from polycap.training.exit_flow import require_tensorflow

    require_tensorflow()
    options, folder = options or TuningOptions(), Path(out)
    languages = read_languages(dataset, captions, options.decoders)
    job = TuningJob(
        dataset,
        languages,
        folder,
        options.runtime or open_runtime(),
        Path(options.encoder_weights) if options.encoder_weights else None,
        options.words,
        options.components,
        tuple(options.terms),
        progress,
    )
    job.check()
    with lock_folder(folder, "an encoder"):
        steps = run_stages([kind(job) for kind in STAGES], on_step)
        job.hashes.save()
    return _result(job, steps)


def parse_captions(assignments: Sequence[str], origin: str | None = None) -> dict[str, list[CaptionSource]]:
    """Parse `CODE=FILE[,origin=…][,weight=…]` strings into sources by language code; a code may be given again.

    Raises:
        DatasetError: no code or no file, or a source that `CaptionSource.parse` refuses.
    """
    sources: dict[str, list[CaptionSource]] = {}
    for assignment in assignments:
        code, equals, source = assignment.partition("=")
        if not equals or not code or not source:
            raise DatasetError(f"captions {assignment!r}: expected CODE=FILE, such as de=captions/de.txt")
        sources.setdefault(code, []).append(CaptionSource.parse(source, origin))
    return sources


def parse_tuning(
    assignments: Sequence[str], codes: Sequence[str] = ()
) -> tuple[EncoderSettings, dict[str, TrainingSettings]]:
    """Parse `words.NAME=VALUE` and `decoders.NAME=VALUE` strings, such as `words.epochs=3`.

    Args:
        assignments: the strings.
        codes: languages, whose folders set defaults of their decoders.

    Returns:
        Settings of the exit flow's tuning, and those of each language's decoder: over those of its folder, and more
        epochs than `TrainingSettings` has.

    Raises:
        TrainingError: no such setting, or a value that it does not allow.
        LanguageError: a language does not exist.
    """
    parts: dict[str, list[str]] = {"words": [], "decoders": []}
    for assignment in assignments:
        part, dot, setting = assignment.partition(".")
        if not dot or part not in parts:
            raise TrainingError(f"{assignment!r}: expected words.NAME=VALUE or decoders.NAME=VALUE")
        parts[part].append(setting)
    words = parse_assignments(EncoderSettings, parts["words"])
    return words, {code: parse_settings([*DECODERS, *parts["decoders"]], get_language(code)) for code in codes}


def read_languages(
    dataset: Dataset, captions: Mapping[str, Sequence[CaptionSource]], recipes: Mapping[str, TrainingSettings]
) -> list[LanguageCaptions]:
    """Return each language with the dataset in it.

    Raises:
        LanguageError: a language does not exist.
        DatasetError: captions can't be read, or none is of a train photo or none of a dev photo.
    """
    if not any(captions.values()):
        raise DatasetError("no captions to tune the encoder on; give those of at least one language in `captions`")
    chosen: list[LanguageCaptions] = []
    for code, sources in captions.items():
        language, (captioned, faults) = get_language(code), with_sources(dataset, sources)
        for split in ("train", "dev"):
            if not captioned.split(split):
                files = ", ".join(str(source.path) for source in sources)
                raise DatasetError(
                    f"{files}: no caption of a {split} photo of {dataset.name} for {code}; give another file"
                )
        if faults:
            logger.warning("captions of %s: %d faults, first: %s", code, len(faults), faults[0])
        chosen.append(LanguageCaptions(language, captioned, recipes.get(code) or parse_settings(DECODERS, language)))
    return chosen


def _result(job: TuningJob, steps: Sequence[PlannedStage]) -> TunedEncoder:
    """Return the result of a finished tuning."""
    places = {step.stage.name: step.place for step in steps if step.place}
    epochs = tuple(read_epochs(places[WordsStage.name]))
    packs = {each.code: job.folder / PACKS / each.code for each in job.languages}
    scores = tuple(job.encoder().card.scores)
    return TunedEncoder(job.encoder_folder, packs, places[FeaturesStage.name], epochs, scores)
