"""Atomic writes of files, text and JSON; reading of JSON."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polycap.errors import PolycapError
from polycap.files.folders import make_folder

__all__ = ["atomic_path", "read_json", "write_json", "write_text"]


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success rename it to `path`, else remove it.

    A reader sees the old file or the whole new one, never a part, also after `kill -9`.

    Raises:
        OSError: the file can't be written; the error names `path`.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    # Open with the umask's permissions instead of chmod, which some file systems refuse.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        # The system's error of a full disk names no file.
        if error.errno == errno.ENOSPC and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically; escape surrogates, which file names that are not UTF-8 contain."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as readable JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, error_type: type[PolycapError]) -> dict[str, Any]:
    """Return the JSON object in `path`.

    Raises:
        error_type: the file is missing, is not JSON, or is not an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise error_type(f"{path}: can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise error_type(f"{path}: is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise error_type(f"{path}: holds a {type(value).__name__}; expected a JSON object")
    return value
