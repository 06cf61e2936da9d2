"""Build of a language: from photos and captions to its pack.

::

    WORK/hashes.json           hashes of files
    WORK/features/KEY/         features, shared by all languages with the same photos and encoder
    WORK/CODE/build.json       the arguments of the last build
    WORK/CODE/captions.jsonl   the captions, in one form; translated.jsonl: translations, if mixed
    WORK/CODE/tokenizer.model  SentencePiece
    WORK/CODE/run-KEY/         a training run for each set of inputs
    WORK/CODE/evaluation-dev/  predictions, references and scores
    …/NAME.stage.json          a stage's record, beside its outputs

KEY is a hash of the inputs. Folders of other keys are never removed; delete those that you no longer need.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from polycap.errors import PolycapError
from polycap.files import make_folder, read_json
from polycap.files.locks import lock_folder
from polycap.language import get_language
from polycap.machine.extras import require_keras
from polycap.pipeline.arguments import BuildOptions, save_arguments, settle_arguments
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
    """Result of a build, or of a dry run.

    Attributes:
        language: code of the language.
        steps: the stages in order, each with its action and the reason.
        scores: scores of the dev split, as `Scores.to_json` returns them; None after a dry run.
        pack: folder of the pack.
    """

    language: str
    steps: tuple[PlannedStage, ...]
    scores: dict[str, Any] | None
    pack: Path

    def to_json(self) -> dict[str, Any]:
        """Return the build as JSON-able values."""
        steps = [step.to_json() for step in self.steps]
        return {"language": self.language, "stages": steps, "scores": self.scores, "pack": str(self.pack)}


def build_language(
    code: str,
    options: BuildOptions | None = None,
    *,
    work: str | PathLike[str] = "work",
    dry_run: bool = False,
    on_step: Callable[[PlannedStage], None] | None = None,
    progress: bool | None = None,
) -> Build:
    """Make a language's pack. Stages whose inputs are unchanged are skipped, and a build that was stopped is resumed.

    Args:
        code: the language.
        options: see `BuildOptions`; a first build needs `data`. (default: those of the language's last build in `work`)
        work: work folder; languages in it share features. (default: work)
        dry_run: only plan; nothing is written, and TensorFlow is not loaded. (default: False)
        on_step: function that is called with each stage before it runs or is skipped. (default: none)
        progress: draw bars on stderr. (default: if it is a terminal)

    Raises:
        LanguageError: no such language, or its folder is broken.
        BuildError: data or captions are not named, the language's folder can't take a pack, or another build of the
            language is running.
        PolycapError: an extra that it needs is not installed; or the error of a stage, such as DatasetError,
            TrainingError, EncoderError.
    """
    options, work = options or BuildOptions(), Path(work)
    job = _make_job(code, options, work, needs_keras=not dry_run, progress=progress)
    code = job.language.code  # `code` may be another tag of it
    stages = stages_of(job)
    require_writable(job.language)
    steps = check_stages(stages)  # reads all inputs, before hours of work
    pack = job.language.own_pack_folder
    if dry_run:
        if on_step:
            for step in steps:
                on_step(step)
        return Build(code, tuple(steps), None, pack)
    with lock_folder(make_folder(job.folder), code):
        save_arguments(job.folder, job.arguments)
        job.hashes.save()
        steps = run_stages(stages, on_step)
        job.hashes.save()
    scores = read_json(job.folder / "evaluation-dev" / "scores.json", PolycapError)
    return Build(code, tuple(steps), scores, pack)


def _make_job(code: str, options: BuildOptions, work: Path, *, needs_keras: bool, progress: bool | None) -> Job:
    """Check options and extras, and return the language with the arguments of its build."""
    if needs_keras:
        require_keras("polycap build")
    language = get_language(code, writable=True)
    code = language.code
    parse_settings(options.settings, language)  # before they are kept
    arguments = settle_arguments(work / code, code, options)
    if language.captions and arguments.captions and not options.captions:
        kept, toml = work / code, language.folder / "language.toml"
        logger.info("%s: `captions` of the last build, not [[captions]] of %s; `captions` '' changes that", kept, toml)
    job = Job(language, arguments, work, progress=progress)
    if job.translates:
        choose_engine(language).require()
    return job
