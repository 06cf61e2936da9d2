"""Folder of a run: the file that says what it was started with."""

from pathlib import Path
from typing import Any

from polycap.errors import TrainingError
from polycap.files import read_json, write_json

__all__ = ["start_or_check"]


def start_or_check(folder: Path, config: dict[str, Any]) -> None:
    """Write the config of a new run, or check that the run in the folder has the same config.

    Raises:
        TrainingError: the folder has a run of other inputs or settings.
    """
    path = folder / "config.json"
    if not path.is_file():
        write_json(path, config)
        return
    saved = read_json(path, TrainingError)
    for key, value in config.items():
        if key == "versions" or key not in saved:
            continue  # a run may be resumed after an update
        if saved.get(key) != value:
            started, now = _differences(saved.get(key), value)
            raise TrainingError(
                f"{path}:{key}: this run was started with {started}, not {now}; "
                "resume it as it was started, or choose another folder"
            )


def _differences(one: Any, other: Any) -> tuple[Any, Any]:
    """Return both values, or of two tables only the entries that differ."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one, other
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return {key: one.get(key) for key in keys}, {key: other.get(key) for key in keys}
