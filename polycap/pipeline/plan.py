"""Plan of a build: stages in order, which of them must run and why. Knows nothing of captions.

A stage's record, `NAME.stage.json`, is written last. A stage that was killed has none and runs again; each stage
resumes by itself. Inputs are compared by content, not by time: a stage is skipped if the stages before it ran and gave
the same results as before.
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
    """Result of a stage's run.

    Attributes:
        made: results that later stages depend on, by name; names are unique among stages.
        files: output files that must not change.
        changeable: output files that others may change. (default: none)
    """

    made: dict[str, str]
    files: Sequence[Path]
    changeable: Sequence[Path] = ()


class Stage(ABC):
    """Stage of a build.

    Attributes:
        name: unique in the build.
        needs: names of the stages whose results are inputs of this one.
        prefix: prefix of a folder for each set of inputs, `folder/PREFIX<hash>`. (default: None, one folder)
        labels: names of the inputs that are not part of the hash.
        folder: folder of its outputs and its record.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    prefix: ClassVar[str | None] = None
    labels: ClassVar[frozenset[str]] = frozenset()
    folder: Path

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """Return the inputs that are known before any stage has run."""

    @abstractmethod
    def run(self, place: Path, inputs: Values) -> StageResult:
        """Run the stage, or resume a run that was killed.

        Args:
            place: `place(inputs)`, which exists.
            inputs: the facts, and the results of the needed stages.
        """

    def unfinished(self, place: Path) -> str:  # noqa: ARG002
        """Return the progress of a run that was stopped; empty if there is nothing to resume."""
        return ""

    def place(self, inputs: Values) -> Path:
        """Return the folder of outputs and record."""
        if self.prefix is None:
            return self.folder
        return self.folder / (self.prefix + digest({k: v for k, v in inputs.items() if k not in self.labels}))

    @property
    def record_name(self) -> str:
        """File name of the record."""
        return f"{self.name}.stage.json"

    def records(self) -> list[Path]:
        """Return the records of all its runs, with any inputs."""
        pattern = self.record_name if self.prefix is None else f"{self.prefix}*/{self.record_name}"
        return sorted(self.folder.glob(pattern))


@dataclass(frozen=True)
class PlannedStage:
    """Planned action for a stage (run or skip), with the reason.

    Attributes:
        stage: the stage.
        state: done, stale, never (done), or unfinished.
        reason: reason of the action, or progress of an unfinished run, as text.
        place: folder of the outputs. While it depends on stages that must run first: the folder of the most similar
            run, or None.
        inputs: the known inputs.
        record: record of these inputs, or else of the most similar inputs. (default: None)
    """

    stage: Stage
    state: Literal["done", "stale", "never", "unfinished"]
    reason: str
    place: Path | None
    inputs: dict[str, str]
    record: Record | None = None

    @property
    def action(self) -> str:
        """Action: run or skip."""
        return "skip" if self.state == "done" else "run"

    def line(self) -> str:
        """Return the stage, its action and the reason as a line of text."""
        return f"{self.stage.name:10} {self.action:5} {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Return the planned stage as JSON-able values."""
        place = None if self.place is None else str(self.place)
        row = {"stage": self.stage.name, "action": self.action, "state": self.state, "reason": self.reason}
        return {**row, "folder": place}


def check_stages(stages: Iterable[Stage]) -> list[PlannedStage]:
    """Plan a build. Writes nothing."""
    steps: list[PlannedStage] = []
    made: dict[str, Values] = {}
    for stage in stages:
        step = _decide(stage, made)
        if step.state == "done" and step.record:
            made[stage.name] = step.record.made
        steps.append(step)
    return steps


def run_stages(stages: Iterable[Stage], on_step: Callable[[PlannedStage], None] | None = None) -> list[PlannedStage]:
    """Run stages in order, and skip those that are done.

    Args:
        stages: each after those that it needs.
        on_step: function that is called with each stage before it runs or is skipped. (default: none)
    """
    steps: list[PlannedStage] = []
    made: dict[str, Values] = {}
    for stage in stages:
        step = _decide(stage, made)
        if on_step:
            on_step(step)
        record = step.record
        if record is None or step.state != "done":
            record = _run(step)
        made[stage.name] = record.made
        steps.append(step)
    return steps


def _decide(stage: Stage, made: Mapping[str, Values]) -> PlannedStage:
    """Compare a stage's inputs and outputs with its record. Stages that `made` lacks must run first."""
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
        reason = f"after {' and '.join(waiting)}, unless their results are the same as before"
    if reason:
        return PlannedStage(stage, "stale", reason, place or path.parent, inputs, record)
    return PlannedStage(stage, "done", f"unchanged since {record.finished}", place, inputs, record)


def _run(step: PlannedStage) -> Record:
    stage = step.stage
    place = stage.place(step.inputs)
    path = make_folder(place) / stage.record_name
    path.unlink(missing_ok=True)  # the outputs are not valid until the run has ended
    start = time.monotonic()
    result = stage.run(place, step.inputs)
    logger.info("%s: done in %.1f s", stage.name, time.monotonic() - start)
    record = new_record(stage.name, step.inputs, result.made, place, result.files, result.changeable)
    write_json(path, record.model_dump(mode="json"))
    return record


def _most_similar(stage: Stage, inputs: Values) -> tuple[Path | None, Record | None]:
    """Return the run of the stage whose inputs differ least, to name the changes."""
    runs = [(path, record) for path in stage.records() if (record := read_record(path))]
    if not runs:
        return None, None
    return max(runs, key=lambda item: (len(inputs.items() & item[1].inputs.items()), item[1].finished))
