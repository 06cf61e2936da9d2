"""`build_language`: a language from photos and captions to its pack.

::

    WORK/hashes.json           hashes of files, remembered
    WORK/features/KEY/         features, shared by all languages with the same photos, encoder and components
    WORK/CODE/build.json       the arguments of the last build
    WORK/CODE/captions.jsonl   the captions, in one form; translated.jsonl: those of an engine, where they are mixed
    WORK/CODE/tokenizer.model  SentencePiece
    WORK/CODE/run-KEY/         a training run for each set of inputs
    WORK/CODE/evaluation-dev/  predictions, references and scores
    …/NAME.stage.json          a stage's record, beside what it made

KEY is a hash of the inputs. Folders of other keys are never removed; delete those that are no longer wanted.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from polycap.errors import PolycapError
from polycap.files import make_folder, read_json
from polycap.files.locks import lock_folder
from polycap.language import get_language
from polycap.machine.extras import require_keras
from polycap.pipeline.arguments import save_arguments, settle_arguments
from polycap.pipeline.install import require_writable
from polycap.pipeline.job import Job
from polycap.pipeline.plan import PlannedStage, check_stages, run_stages
from polycap.pipeline.stages.order import stages_of
from polycap.training.settings import parse_settings
from polycap.translation.choose import choose_engine

__all__ = ["Build", "build_language"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Build:
    """What a build did, or would do.

    Attributes:
        language: the code.
        steps: the stages in order, and why each ran or was skipped.
        scores: of the dev split, as `Scores.to_json` gives them; None of a dry run.
        pack: where the pack is, or will be.
    """

    language: str
    steps: tuple[PlannedStage, ...]
    scores: dict[str, Any] | None
    pack: Path

    def to_json(self) -> dict[str, Any]:
        """The build as JSON-able values."""
        steps = [step.to_json() for step in self.steps]
        return {"language": self.language, "stages": steps, "scores": self.scores, "pack": str(self.pack)}


def build_language(
    code: str,
    *,
    data: str | PathLike[str] | None = None,
    captions: Sequence[str] = (),
    origin: str | None = None,
    work: str | PathLike[str] = "work",
    settings: Sequence[str] = (),
    components: int | None = None,
    mirrored: bool | None = None,
    encoder_weights: str | PathLike[str] | None = None,
    start: str | None = None,
    dry_run: bool = False,
    tell: Callable[[PlannedStage], None] = lambda _: None,
    progress: bool = True,
) -> Build:
    """Make a language's pack: each stage is skipped if its inputs have not changed, and can be killed and gone on with.

    An argument that is not given is that of the language's last build in `work`, if there was one.

    Args:
        code: the language.
        data: the dataset's folder.
        captions: files of captions of its photos in the language, `FILE[,origin=…][,weight=…]`. Without them, or
            with an empty one in place of the last build's: the `[[captions]]` of the language's folder; without those,
            the dataset's own if the language's engine is "none", and else their translation.
        origin: where `captions` come from: "human" unless given, or a translation's name.
        work: the work folder; languages that share it share the features.
        settings: training settings, `name=value`, over those of the language's folder.
        components: channels per cell after the PCA, 512 unless given.
        mirrored: train on the photos flipped left to right, too: true unless given.
        encoder_weights: the encoder's weights, if not where `find_weights` looks.
        start: a trained language, or the folder of a pack, whose decoder training begins with but for its tokens; ""
            for nothing.
        dry_run: only say what would be done; nothing is written, and TensorFlow is not loaded.
        tell: called with each step before it is done.
        progress: draw bars on stderr.

    Raises:
        LanguageError: no such language, or its folder is broken.
        BuildError: data or captions are not named, the language's folder can't take a pack, or another build is there.
        PolycapError: an extra that it needs is not installed; or whatever a stage raises, such as DatasetError,
            TrainingError, EncoderError.
    """
    if not dry_run:
        require_keras("polycap build")
    language, work = get_language(code, writable=True), Path(work)
    parse_settings(settings, language)  # those given now, before they are kept
    arguments = settle_arguments(
        work / code,
        code,
        assignments=settings,
        data=Path(data) if data else None,
        captions=captions,
        origin=origin,
        components=components,
        mirrored=mirrored,
        encoder_weights=Path(encoder_weights) if encoder_weights else None,
        start=start,
    )
    if language.captions and arguments.captions and not captions:
        kept, toml = work / code, language.folder / "language.toml"
        logger.info("%s: `captions` of the last build, not [[captions]] of %s; `captions` '' changes that", kept, toml)
    job = Job(language, arguments, work, progress=progress)
    if job.translates:
        choose_engine(language).require()
    stages = stages_of(job)
    require_writable(language)
    steps = check_stages(stages)  # what can't be read should not be found out hours later
    if dry_run:
        for step in steps:
            tell(step)
        return Build(code, tuple(steps), None, language.own_pack_folder)
    with lock_folder(make_folder(job.folder), code):
        save_arguments(job.folder, arguments)
        job.hashes.save()
        steps = run_stages(stages, tell)
        job.hashes.save()
    scores = read_json(job.folder / "evaluation-dev" / "scores.json", PolycapError)
    return Build(code, tuple(steps), scores, language.own_pack_folder)
