"""Atomic writes, hashes and JSON: the ground floor that every room stands on."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path

from polycap.errors import PolycapError

__all__ = [
    "atomic_path",
    "cache_folder",
    "digest",
    "make_folder",
    "one_line",
    "packs_folder",
    "read_json",
    "sha256_file",
    "write_json",
    "write_text",
]

_CONTROLS = {number: repr(chr(number))[1:-1] for number in (*range(32), *range(127, 160))}


def cache_folder() -> Path:
    """Where polycap keeps what it downloads: `POLYCAP_CACHE`, or the user's cache folder."""
    override = os.environ.get("POLYCAP_CACHE")
    return Path(override) if override else user_cache_path("polycap")


def packs_folder() -> Path:
    """Where `polycap install` puts packs: `POLYCAP_PACKS`, or `packs` in the user's folder for data."""
    override = os.environ.get("POLYCAP_PACKS")
    return Path(override) if override else user_data_path("polycap") / "packs"


def one_line(text: object) -> str:
    """`text` with control characters spelled out: a file's name may hold a line's end, or speak to the terminal."""
    return str(text).translate(_CONTROLS)


def make_folder(path: Path) -> Path:
    """Make `path` and its parents, and return it.

    Raises:
        PolycapError: the folder can't be made or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PolycapError(f"{path}: can't make this folder ({error.strerror}); choose another") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise PolycapError(f"{path}: this folder is not writable; choose another or change its permissions")
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes `path`'s place in one step, else it is removed.

    A reader therefore sees the old file or the whole new one, never a half, also after `kill -9`.

    Raises:
        OSError: it can't be written; names `path`.
    """
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes it private; a result is not
        temporary.replace(path)
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename in (None, name):  # a full disk does not say what was written
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically; bytes of a file's name that is none are written as escapes."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as readable JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, error_type: type[PolycapError]) -> dict[str, Any]:
    """The JSON object in `path`.

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


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(value: Any) -> str:
    """A short, stable hash (16 hexadecimal digits) of a JSON-able value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
