"""Record of a stage: its inputs, results and outputs, and their later changes as text."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from polycap.errors import PolycapError
from polycap.files import read_json, sha256_file

__all__ = ["Output", "Record", "Values", "changes", "damage", "new_record", "read_record"]

HASHED_BYTES = 64 << 20
"""Maximum size of outputs that are compared by hash; larger ones (gigabytes of features) are compared by size."""
MAX_NAMED_CHANGES = 3
"""Maximum number of changed inputs that a reason names."""

Values = Mapping[str, str]
"""Inputs or results by name: hashes, or short readable values."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(_Strict):
    """Output file of a stage. Without a size it may change, but must exist."""

    size: int | None = None
    sha256: str | None = None


class Record(_Strict):
    """Inputs, results and outputs of a stage. Paths of outputs are relative to the record's folder."""

    stage: str
    inputs: dict[str, str]
    made: dict[str, str]
    outputs: dict[str, Output]
    finished: str


def new_record(
    stage: str, inputs: Values, made: Values, folder: Path, files: Sequence[Path], changeable: Sequence[Path]
) -> Record:
    """Return the record of a stage that has just finished.

    Args:
        stage: name of the stage.
        inputs: its inputs.
        made: results that later stages depend on.
        folder: folder of the record.
        files: output files that must not change.
        changeable: output files that others may change.
    """
    outputs = {_name(file, folder): _output(file) for file in files}
    outputs |= {_name(file, folder): Output() for file in changeable}
    finished = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Record(stage=stage, inputs=dict(inputs), made=dict(made), outputs=outputs, finished=finished)


def read_record(path: Path) -> Record | None:
    """Read a record; None if there is none, or it can't be read."""
    try:
        return Record.model_validate(read_json(path, PolycapError))
    except (PolycapError, ValidationError):
        return None


def changes(before: Values, now: Values, *, partly: bool) -> str:
    """Return the changed inputs as text; with `partly`, inputs that `now` lacks are not known yet."""
    changed = [name for name in now if before.get(name) != now[name]]
    if not partly:
        changed += [name for name in before if name not in now]
    if not changed:
        return ""
    shown = [_change(name, before.get(name), now.get(name)) for name in changed[:MAX_NAMED_CHANGES]]
    more = len(changed) - MAX_NAMED_CHANGES
    return "changed: " + ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _change(name: str, before: str | None, now: str | None) -> str:
    """Return the name of a changed input, and its values if they are short."""
    if before is None or now is None or max(len(before), len(now)) >= 16:
        return name
    return f"{name} ({before} → {now})"


def damage(record: Record, folder: Path) -> str:
    """Return the first output that is missing or changed, as text; empty if there is none."""
    for name, expected in record.outputs.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if expected.size is not None and path.stat().st_size != expected.size:
            return f"{name} has another size"
        if expected.sha256 is not None and sha256_file(path) != expected.sha256:
            return f"{name} has changed"
    return ""


def _output(path: Path) -> Output:
    size = path.stat().st_size
    return Output(size=size, sha256=sha256_file(path) if size <= HASHED_BYTES else None)


def _name(path: Path, folder: Path) -> str:
    """Return the path, relative to the record if it lies below it: a work folder may be moved."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path.absolute())
