"""A run's `config.json`: what the run was started with, which it can't be resumed without."""

from pathlib import Path
from typing import Any

from polycap.errors import TrainingError
from polycap.files import read_json, write_json

__all__ = ["claim_folder"]


def claim_folder(folder: Path, config: dict[str, Any]) -> None:
    """Write a run's config, or check that the run in the folder has the same one, but for versions.

    Raises:
        TrainingError: the folder has another run.
    """
    path = folder / "config.json"
    if not path.is_file():
        write_json(path, config)
        return
    before = read_json(path, TrainingError)
    for key, value in config.items():
        if key == "versions" or key not in before:
            continue  # an update in between is no other run
        if before.get(key) != value:
            started, now = _differing(before.get(key), value)
            raise TrainingError(
                f"{path}:{key}: this run was started with {started}, not {now}; "
                "resume it as it was started, or choose another folder"
            )


def _differing(one: Any, other: Any) -> tuple[Any, Any]:
    """Return both, but of tables only the entries that are not alike."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one, other
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return {key: one.get(key) for key in keys}, {key: other.get(key) for key in keys}
