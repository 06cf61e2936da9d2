"""Temporary files of processes that were killed."""

import contextlib
import os
import re
import time
from pathlib import Path

__all__ = ["DAY", "sweep"]

DAY = 24 * 3600.0
"""Seconds."""

_swept: set[tuple[str, str]] = set()


def sweep(folder: Path, pattern: str, age_s: float) -> None:
    """Remove the files of a folder whose names match, and that nobody has written for some time; once in a process.

    Args:
        folder: folder; it is not an error if it can't be searched.
        pattern: regular expression of whole names.
        age_s: time since the last change, seconds.
    """
    if (os.fspath(folder), pattern) in _swept:
        return
    _swept.add((os.fspath(folder), pattern))
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        old = [entry for entry in entries if re.fullmatch(pattern, entry.name) and entry.is_file(follow_symlinks=False)]
        for entry in old:
            with contextlib.suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > age_s:
                    Path(entry.path).unlink()
