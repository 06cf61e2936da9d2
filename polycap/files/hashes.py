"""SHA-256 of files and of values, and a cache of the hashes of files."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polycap.files.atomic import write_text
from polycap.files.strangers import OWN_JSON_BYTES, parse_json

__all__ = ["UNREADABLE", "HashCache", "digest", "sha256_file"]

UNREADABLE = "unreadable"
"""Value in place of the hash of a file that does not exist or may not be read."""


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class HashCache:
    """Cache of values computed from files, in one JSON file that may be deleted at any time.

    The key is path, size and modification time in nanoseconds, as in git.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        try:
            entries = parse_json(path.read_bytes(), most_bytes=OWN_JSON_BYTES)
        except (OSError, ValueError):
            entries = {}
        self._entries: dict[str, list[object]] = entries if isinstance(entries, dict) else {}

    def get(self, path: Path, kind: str = "sha256", compute: Callable[[Path], str] = sha256_file) -> str:
        """Return `compute(path)`, cached; "unreadable" for a file that can't be read.

        Args:
            path: file.
            kind: name of the value. (default: "sha256")
            compute: function of the path; its errors other than OSError are not caught. (default: SHA-256)
        """
        key = f"{kind} {path.absolute()}"
        try:
            stat = path.stat()
            version = [stat.st_size, stat.st_mtime_ns]
            entry = self._entries.get(key)
            if isinstance(entry, list) and entry[:2] == version and len(entry) == 3:
                return str(entry[2])
            value = compute(path)
        except OSError:
            return UNREADABLE
        self._entries[key] = [*version, value]
        self._changed = True
        return value

    def save(self) -> None:
        """Write new values to the file."""
        if self._changed:
            write_text(self._path, json.dumps(self._entries, separators=(",", ":")))
            self._changed = False


def digest(value: Any) -> str:
    """Return a short, stable hash (16 hexadecimal digits) of a JSON-serialisable value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
