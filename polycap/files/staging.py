"""Atomic replacement of folders, also after `kill -9`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polycap.files.atomic import write_json

__all__ = ["replace_folder", "staging_folder"]


@contextmanager
def staging_folder(path: Path, marker: tuple[str, dict[str, Any]] | None = None) -> Iterator[Path]:
    """Create the folder `path`, in which another folder is prepared, and remove it afterwards.

    It must be on the file system of the final folder, so that `replace_folder` is one rename. Leftovers of a killed
    process are cleared first: a folder that was moved aside and has no successor is moved back. The caller must hold a
    lock.

    Args:
        path: staging folder, such as `packs/.unfinished`.
        marker: name and content of a JSON file that marks the staging folder for readers of its parent. (default: none)
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
    shutil.rmtree(staging, ignore_errors=True)  # the marker is removed last
