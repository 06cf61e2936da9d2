"""Stages in order: which must run and why, by records that stand beside what they made. Knows nothing of captions.

A stage's record, `NAME.stage.json`, is written last, so a stage that was killed has none and runs again; going on
where it stopped is its own business. Inputs are compared by hash of what is in them, not by time: a stage whose
predecessor ran and made the same as before is skipped.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from polycap.files import digest, make_folder, write_json
from polycap.pipeline.record import Record, Values, changes, damage, new_record, read_record

__all__ = ["PlannedStage", "Stage", "StageResult", "check_stages", "run_stages"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageResult:
    """What a stage's run hands back.

    Attributes:
        made: what later stages depend on; names are unique among stages.
        files: what it wrote, as it must stay.
        changeable: what it wrote, and others may change.
    """

    made: dict[str, str]
    files: Sequence[Path]
    changeable: Sequence[Path] = ()


class Stage(ABC):
    """One step of a build.

    Attributes:
        name: unique in the build.
        needs: the stages whose results are inputs of this one.
        prefix: if not None, each set of inputs gets a folder of its own, `folder/PREFIX<hash>`.
        labels: inputs that need no other folder when they change.
        folder: where its outputs and its record go.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    prefix: ClassVar[str | None] = None
    labels: ClassVar[frozenset[str]] = frozenset()
    folder: Path

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """The inputs that are known before any stage has run."""

    @abstractmethod
    def run(self, place: Path, inputs: Values) -> StageResult:
        """Do it, or go on where a killed run stopped.

        Args:
            place: `place(inputs)`; it is there.
            inputs: the facts, and what the needed stages made.
        """

    def unfinished(self, place: Path) -> str:  # noqa: ARG002
        """How far a run came that was stopped; empty if there is none, or it leaves nothing to go on with."""
        return ""

    def place(self, inputs: Values) -> Path:
        """The folder of outputs and record."""
        if self.prefix is None:
            return self.folder
        return self.folder / (self.prefix + digest({k: v for k, v in inputs.items() if k not in self.labels}))

    @property
    def record_name(self) -> str:
        """The record's file name."""
        return f"{self.name}.stage.json"

    def records(self) -> list[Path]:
        """The records of all its runs, whatever their inputs."""
        pattern = self.record_name if self.prefix is None else f"{self.prefix}*/{self.record_name}"
        return sorted(self.folder.glob(pattern))


@dataclass(frozen=True)
class PlannedStage:
    """What is to be done with a stage, and why.

    Attributes:
        stage: the stage.
        state: done, stale (why), never done, or unfinished (how far).
        reason: in words.
        place: where its outputs are, or will be. As long as that depends on stages that must run first: where those
            of the most similar run are, or None.
        inputs: those that are known.
        record: the record that was found, of these inputs or of the most similar ones.
    """

    stage: Stage
    state: Literal["done", "stale", "never", "unfinished"]
    reason: str
    place: Path | None
    inputs: dict[str, str]
    record: Record | None = None

    @property
    def action(self) -> str:
        """run or skip."""
        return "skip" if self.state == "done" else "run"

    def line(self) -> str:
        """The step as a line for a person."""
        return f"{self.stage.name:10} {self.action:5} {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """The step as JSON-able values."""
        place = None if self.place is None else str(self.place)
        row = {"stage": self.stage.name, "action": self.action, "state": self.state, "reason": self.reason}
        return {**row, "folder": place}


def check_stages(stages: Iterable[Stage]) -> list[PlannedStage]:
    """What a build would do now; nothing is written."""
    steps: list[PlannedStage] = []
    made: dict[str, Values] = {}
    for stage in stages:
        step = _decide(stage, made)
        if step.state == "done" and step.record:
            made[stage.name] = step.record.made
        steps.append(step)
    return steps


def run_stages(stages: Iterable[Stage], tell: Callable[[PlannedStage], None]) -> list[PlannedStage]:
    """Run the stages that must run, in order.

    Args:
        stages: each after those that it needs.
        tell: called with each step before it is done.
    """
    steps: list[PlannedStage] = []
    made: dict[str, Values] = {}
    for stage in stages:
        step = _decide(stage, made)
        tell(step)
        record = step.record
        if record is None or step.state != "done":
            record = _run(step)
        made[stage.name] = record.made
        steps.append(step)
    return steps


def _decide(stage: Stage, made: Mapping[str, Values]) -> PlannedStage:
    """Compare a stage's inputs and outputs with its record; stages missing in `made` must run first."""
    inputs = stage.facts()
    for name in stage.needs:
        inputs.update(made.get(name, {}))
    waiting = [name for name in stage.needs if name not in made]
    place = None if waiting else stage.place(inputs)
    path = place / stage.record_name if place else None
    record = read_record(path) if path else None
    if place and record is None and (begun := stage.unfinished(place)):
        return PlannedStage(stage, "unfinished", f"unfinished: {begun}", place, inputs)
    if record is None:
        path, record = _most_similar(stage, inputs)
    if path is None or record is None:
        return PlannedStage(stage, "never", "not done yet", place, inputs)
    reason = changes(record.inputs, inputs, partly=bool(waiting)) or damage(record, path.parent)
    if not reason and place and path.parent != place:
        reason = "other inputs"
    if not reason and waiting:
        reason = f"after {' and '.join(waiting)}, unless the same comes out as before"
    if reason:
        return PlannedStage(stage, "stale", reason, place or path.parent, inputs, record)
    return PlannedStage(stage, "done", f"unchanged since {record.finished}", place, inputs, record)


def _run(step: PlannedStage) -> Record:
    stage = step.stage
    place = stage.place(step.inputs)
    path = make_folder(place) / stage.record_name
    path.unlink(missing_ok=True)  # from here to the end nothing vouches for the outputs
    start = time.monotonic()
    result = stage.run(place, step.inputs)
    logger.info("%s: done in %.1f s", stage.name, time.monotonic() - start)
    record = new_record(stage.name, step.inputs, result.made, place, result.files, result.changeable)
    write_json(path, record.model_dump(mode="json"))
    return record


def _most_similar(stage: Stage, inputs: Values) -> tuple[Path | None, Record | None]:
    """Of all runs of the stage, the one whose inputs differ least: it names what has changed."""
    found = [(path, record) for path in stage.records() if (record := read_record(path))]
    if not found:
        return None, None
    return max(found, key=lambda item: (len(inputs.items() & item[1].inputs.items()), item[1].finished))
