"""A stage's record: from which inputs it made what, and what of that is no longer so, in words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from polycap.errors import PolycapError
from polycap.files import read_json, sha256_file

__all__ = ["Output", "Record", "Values", "changes", "damage", "new_record", "read_record"]

HASHED_BYTES = 64 << 20
"""Outputs up to this size are compared by hash, larger ones (gigabytes of features) by size alone."""
MAX_NAMED_CHANGES = 3
"""Changed inputs that a reason names."""

Values = Mapping[str, str]
"""Inputs or results by name: hashes, or values short enough to be read."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(_Strict):
    """A file as the stage left it; without a size it may be changed by others, but must be there."""

    size: int | None = None
    sha256: str | None = None


class Record(_Strict):
    """What a stage did: from which inputs it made what. Output paths are relative to the record's folder."""

    stage: str
    inputs: dict[str, str]
    made: dict[str, str]
    outputs: dict[str, Output]
    finished: str


def new_record(
    stage: str, inputs: Values, made: Values, folder: Path, files: Sequence[Path], changeable: Sequence[Path]
) -> Record:
    """The record, to be written in `folder`, of a stage that has just finished.

    Args:
        stage: its name.
        inputs: what it was made from.
        made: what later stages depend on.
        folder: where the record will lie.
        files: what it wrote, as it must stay.
        changeable: what it wrote, and others may change.
    """
    outputs = {_name(file, folder): _output(file) for file in files}
    outputs |= {_name(file, folder): Output() for file in changeable}
    finished = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Record(stage=stage, inputs=dict(inputs), made=dict(made), outputs=outputs, finished=finished)


def read_record(path: Path) -> Record | None:
    """A record; None if there is none, or it can't be read: then the stage runs again."""
    try:
        return Record.model_validate(read_json(path, PolycapError))
    except (PolycapError, ValidationError):
        return None


def changes(before: Values, now: Values, *, partly: bool) -> str:
    """Which inputs differ, in words; with `partly`, those that `now` lacks are not known yet."""
    changed = [name for name in now if before.get(name) != now[name]]
    if not partly:
        changed += [name for name in before if name not in now]
    if not changed:
        return ""
    shown = [_change(name, before.get(name), now.get(name)) for name in changed[:MAX_NAMED_CHANGES]]
    more = len(changed) - MAX_NAMED_CHANGES
    return "changed: " + ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _change(name: str, before: str | None, now: str | None) -> str:
    """A short value is shown, a hash is not."""
    if before is None or now is None or max(len(before), len(now)) >= 16:
        return name
    return f"{name} ({before} → {now})"


def damage(record: Record, folder: Path) -> str:
    """The first output that is not as the stage left it, in words."""
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
    """Relative to the record where it can be: a work folder may be moved."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path.absolute())
