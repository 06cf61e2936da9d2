"""`language_status`: what exists of each language, and what of it is stale. Reads; writes nothing."""

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
    """The pack that a language is captioned with.

    Attributes:
        folder: where it is.
        size: of all its files, bytes.
        created: the day, from its card.
        from_last_run: whether it is the one that the last run here made; None where there is no run.
        installed: whether `polycap install` put it there, and not training.
    """

    folder: Path
    size: int
    created: str
    from_last_run: bool | None
    installed: bool = False


@dataclass(frozen=True)
class LanguageStatus:
    """What exists of a language.

    Attributes:
        code: the language.
        steps: its stages, in order; empty if it was never built here.
        best_dev_bleu4: of the run's epochs so far, 0–100, or of the pack's if there is no run; None without either.
        pack: the pack that it is captioned with, if there is one.
        error: why the stages can't be told, such as a dataset that is gone; else empty.
    """

    code: str
    steps: tuple[PlannedStage, ...]
    best_dev_bleu4: float | None
    pack: PackStatus | None
    error: str

    def to_json(self) -> dict[str, Any]:
        """The status as JSON-able values."""
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
        """The status as text for a person."""
        best = "" if self.best_dev_bleu4 is None else f"best dev BLEU-4 {self.best_dev_bleu4:.2f}; "
        lines = [f"{self.code}: {best}{_pack_text(self.pack)}"]
        if self.error:
            lines.append(f"  can't tell what is stale: {self.error}")
        elif not self.steps:
            lines.append("  never built here")
        rows = [(step.stage.name, step.state, step.reason.removeprefix("unfinished: ")) for step in self.steps]
        return lines + [f"  {name:10} {state:10} {reason}" for name, state, reason in rows]


def language_status(codes: Sequence[str] = (), *, work: Path = Path("work")) -> list[LanguageStatus]:
    """The status of each language named; without names, of each that was built in `work` or has a pack.

    Raises:
        LanguageError: a language is named that does not exist.
    """
    registry = Registry.discover()
    chosen = list(dict.fromkeys(codes)) or sorted(
        {*_built(work), *(language.code for language in registry.languages if language.status == "trained")}
    )
    if codes:
        for code in codes:
            registry.get(code)
    hashes = HashCache(work / "hashes.json")
    return [_status(registry, code, work, hashes) for code in chosen]


def _built(work: Path) -> Iterable[str]:
    return [path.parent.name for path in work.glob("*/build.json")]


def _status(registry: Registry, code: str, work: Path, hashes: HashCache) -> LanguageStatus:
    steps: list[PlannedStage] = []
    error = ""
    try:
        language = registry.get(code)
    except LanguageError as fault:  # built once; its folder is gone or broken
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
    """The score of a finished run, or else the best epoch's so far, from its log."""
    finished = _chosen(run / "pack")
    if finished is not None:
        return finished
    try:
        with (run / LOG).open(encoding="utf-8", newline="") as stream:
            return max((float(row["dev_bleu4"]) for row in csv.DictReader(stream)), default=None)
    except (OSError, ValueError, KeyError):
        return None


def _chosen(pack: Path) -> float | None:
    """The score that a pack's weights were chosen by; None without a pack."""
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
