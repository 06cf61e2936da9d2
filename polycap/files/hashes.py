"""SHA-256 of files and of values, and a memory of the former."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polycap.files.atomic import write_text

__all__ = ["UNREADABLE", "HashCache", "digest", "sha256_file"]

UNREADABLE = "unreadable"
"""In place of a hash: the file is gone, or may not be read."""


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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


def digest(value: Any) -> str:
    """A short, stable hash (16 hexadecimal digits) of a JSON-able value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
