"""Atomic writes of files, text and JSON."""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polycap.files.folders import make_folder
from polycap.files.leftovers import DAY, sweep

__all__ = ["atomic_path", "require_replaceable", "write_json", "write_text"]


def require_replaceable(path: Path) -> None:
    """Raise an OSError if `path` is a device, a pipe or a socket."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "is no regular file, and would be destroyed; name another", str(path))


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success rename it to `path`, else remove it.

    A reader sees the old file or the whole new one, never a part, also after `kill -9`. A link stays: the file that it
    names is replaced. Temporary files that killed processes left in the folder are removed after a day.

    Raises:
        OSError: the file can't be written, or `path` is a device or a pipe, which a rename would destroy; the error
            names `path`.
    """
    require_replaceable(path)
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    make_folder(path.parent)
    sweep(path.parent, r"\..+\.[0-9a-f]{8}\.part", DAY)
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
