"""State of each language: its stages, its pack, and which stages are stale. Writes nothing."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.errors import LanguageError, PackError, PolycapError
from polycap.files.hashes import HashCache
from polycap.language import Language, Registry
from polycap.pack.card import CARD_JSON, read_card
from polycap.pipeline.arguments import read_arguments
from polycap.pipeline.install import is_installed
from polycap.pipeline.job import Job
from polycap.pipeline.plan import PlannedStage, check_stages
from polycap.pipeline.stages.order import stages_of
from polycap.training.log import LOG

__all__ = ["LanguageStatus", "PackStatus", "language_status"]


@dataclass(frozen=True)
class PackStatus:
    """Pack of a language.

    Attributes:
        folder: folder of the pack.
        size: size of all its files, bytes.
        created: day of its training, from its card.
        from_last_run: whether the last run in the work folder made it; None without a run.
        installed: whether `polycap install` put it there. (default: False)
    """

    folder: Path
    size: int
    created: str
    from_last_run: bool | None
    installed: bool = False


@dataclass(frozen=True)
class LanguageStatus:
    """State of a language.

    Attributes:
        code: code of the language.
        steps: its stages, in order; empty if it was never built in the work folder.
        best_dev_bleu4: best dev BLEU-4 of the run's epochs so far, 0–100, else that of the pack; None without either.
        pack: its pack; None without one.
        error: reason why the stages can't be planned, such as a missing dataset; else empty.
    """

    code: str
    steps: tuple[PlannedStage, ...]
    best_dev_bleu4: float | None
    pack: PackStatus | None
    error: str

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON-able values."""
        pack: dict[str, Any] | None = None
        if self.pack:
            pack = {"folder": str(self.pack.folder), "bytes": self.pack.size, "created": self.pack.created}
            pack |= {"from_last_run": self.pack.from_last_run, "installed": self.pack.installed}
        return {
            "language": self.code,
            "stages": [step.to_json() for step in self.steps],
            "best_dev_bleu4": self.best_dev_bleu4,
            "pack": pack,
            "error": self.error,
        }

    def lines(self) -> list[str]:
        """Return the state as lines of text."""
        best = "" if self.best_dev_bleu4 is None else f"best dev BLEU-4 {self.best_dev_bleu4:.2f}; "
        lines = [f"{self.code}: {best}{_pack_text(self.pack)}"]
        if self.error:
            lines.append(f"  can't tell what is stale: {self.error}")
        elif not self.steps:
            lines.append("  never built here")
        rows = [(step.stage.name, step.state, step.reason.removeprefix("unfinished: ")) for step in self.steps]
        return lines + [f"  {name:10} {state:10} {reason}" for name, state, reason in rows]


def language_status(codes: Sequence[str] = (), *, work: Path = Path("work")) -> list[LanguageStatus]:
    """Return the state of languages.

    Args:
        codes: the languages. (default: all that were built in `work` or have a pack)
        work: work folder of the builds. (default: work)

    Raises:
        LanguageError: one of `codes` is no language.
    """
    registry = Registry.discover()
    chosen = list(dict.fromkeys(registry.get(code).code for code in codes)) or sorted(
        {*_built(work), *(language.code for language in registry.languages if language.status == "trained")}
    )
    hashes = HashCache(work / "hashes.json")
    return [_status(registry, code, work, hashes) for code in chosen]


def _built(work: Path) -> Iterable[str]:
    return [path.parent.name for path in work.glob("*/build.json")]


def _status(registry: Registry, code: str, work: Path, hashes: HashCache) -> LanguageStatus:
    steps: list[PlannedStage] = []
    error = ""
    try:
        language = registry.get(code)
    except LanguageError as fault:  # it was built, and its folder is missing or broken now
        return LanguageStatus(code, (), None, None, str(fault))
    try:
        arguments = read_arguments(work / code)
        if arguments is not None:
            steps = check_stages(stages_of(Job(language, arguments, work, hashes)))
    except PolycapError as fault:
        error = str(fault)
    run = next((step.place for step in steps if step.stage.name == "train"), None)
    pack = _pack(language, run)
    best = _best(run) if run else None
    if best is None and pack is not None:
        best = _chosen(pack.folder)
    return LanguageStatus(code, tuple(steps), best, pack, error)


def _pack(language: Language, run: Path | None) -> PackStatus | None:
    folder = language.pack_folder
    try:
        card = read_card(folder)
    except PackError:
        return None
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    has_run = run is not None and (run / "pack" / CARD_JSON).is_file()
    of_run = is_installed(run / "pack", language) if run and has_run else None
    return PackStatus(folder, size, card.created, of_run, language.installed_pack is not None)


def _best(run: Path) -> float | None:
    """Return the score of a finished run, else of the best epoch in its log; None without one."""
    finished = _chosen(run / "pack")
    if finished is not None:
        return finished
    try:
        with (run / LOG).open(encoding="utf-8", newline="") as stream:
            return max((float(row["dev_bleu4"]) for row in csv.DictReader(stream)), default=None)
    except (OSError, ValueError, KeyError):
        return None


def _chosen(pack: Path) -> float | None:
    """Return the score that a pack's weights were chosen by; None without a pack."""
    try:
        training = read_card(pack).training
    except PackError:
        return None
    score: float | None = training.get("dev BLEU-4", training.get("best epoch's dev BLEU-4"))
    return score


def _pack_text(pack: PackStatus | None) -> str:
    if pack is None:
        return "no pack"
    whose = {True: ", of the last run", False: ", not of the last run", None: ""}[pack.from_last_run]
    kind = "installed pack" if pack.installed else "pack"
    return f"{kind} of {pack.created}, {pack.size / 1e6:.1f} MB{whose}"
