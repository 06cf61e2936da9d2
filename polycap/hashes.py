"""Hashes of files, remembered: a file whose size and time have not changed is not read again."""

import json
from collections.abc import Callable
from pathlib import Path

from polycap.files import sha256_file, write_text

__all__ = ["UNREADABLE", "HashCache"]

UNREADABLE = "unreadable"
"""In place of a hash: the file is gone, or may not be read."""


class HashCache:
    """What was computed of files before, in one JSON file that may be deleted at any time.

    Keyed by path, size and modification time in nanoseconds, as `make` and git do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            entries = {}
        self._entries: dict[str, list[object]] = entries if isinstance(entries, dict) else {}

    def get(self, path: Path, kind: str = "sha256", compute: Callable[[Path], str] = sha256_file) -> str:
        """`compute(path)`, or what it was last time; "unreadable" for a file that can't be read.

        Args:
            path: the file.
            kind: a name for what is computed.
            compute: how; its own errors are not caught, but for OSError.
        """
        key = f"{kind} {path.absolute()}"
        try:
            stat = path.stat()
            now = [stat.st_size, stat.st_mtime_ns]
            before = self._entries.get(key)
            if isinstance(before, list) and before[:2] == now and len(before) == 3:
                return str(before[2])
            value = compute(path)
        except OSError:
            return UNREADABLE
        self._entries[key] = [*now, value]
        self._changed = True
        return value

    def save(self) -> None:
        """Write what is new to the file."""
        if self._changed:
            write_text(self._path, json.dumps(self._entries, separators=(",", ":")))
            self._changed = False
