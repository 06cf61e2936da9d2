"""Folders that appear whole or not at all, also after `kill -9`, and that one process works in at a time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polycap.errors import BuildError
from polycap.files import make_folder, write_json
from polycap.locks import exclusive, waiting

__all__ = ["alone", "put_in_place", "staging"]


@contextmanager
def alone(folder: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Keep other processes out of a folder, which is made; a killed one lets go by itself.

    Args:
        folder: what is worked on; the lock file in it stays.
        what: is made there, for people.
        wait: for whoever is there, rather than raise.

    Raises:
        BuildError: another process is there, and `wait` is off.
    """
    lock = make_folder(folder) / ".lock"
    taken = f"{folder}: another build of {what} is running here"
    error = BuildError(f"{taken}; wait for it, or end it")
    with waiting(lock, f"{taken}; waiting for it") if wait else exclusive(lock, error):
        yield


@contextmanager
def staging(path: Path, marker: tuple[str, dict[str, Any]] | None = None) -> Iterator[Path]:
    """Make the folder `path` to prepare another folder in, and remove it afterwards.

    It lies beside the final places, so that a finished folder moves in one step; `put_in_place` does so. What a killed
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


def put_in_place(staging: Path, prepared: Path, final: Path) -> None:
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
