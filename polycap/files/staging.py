"""Folders that appear whole or not at all, also after `kill -9`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polycap.files.atomic import write_json

__all__ = ["replace_folder", "staging_folder"]


@contextmanager
def staging_folder(path: Path, marker: tuple[str, dict[str, Any]] | None = None) -> Iterator[Path]:
    """Make the folder `path` to prepare another folder in, and remove it afterwards.

    It lies beside the final places, so that a finished folder moves in one step, by `replace_folder`. What a killed
    process left there is cleared first: a folder that was moved aside and has no successor goes back. Only who holds a
    lock may call this.

    Args:
        path: such as `packs/.unfinished`.
        marker: the name and content of a JSON file that lies in it all the time, for those who look at every folder.
    """
    _clear(path)
    path.mkdir()
    if marker is not None:
        write_json(path / marker[0], marker[1])
    try:
        yield path
    finally:
        _clear(path)


def replace_folder(staging: Path, prepared: Path, final: Path) -> None:
    """Move a folder that was prepared in `staging` to `final`, beside it; what was there is gone with the staging."""
    if final.exists() or final.is_symlink():
        (staging / "old").mkdir()
        final.rename(staging / "old" / final.name)
    prepared.rename(final)


def _clear(staging: Path) -> None:
    for old in (staging / "old").glob("*"):
        if not (staging.parent / old.name).exists():
            old.rename(staging.parent / old.name)
    for child in staging.iterdir() if staging.is_dir() else ():
        if child.is_dir():
            shutil.rmtree(child, ignore_errors=True)
    shutil.rmtree(staging, ignore_errors=True)  # its marker goes last
