"""Atomic writes, the user's folders, hashes and JSON: the ground floor that every room stands on."""

import atexit
import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path

from polycap.errors import PolycapError

__all__ = [
    "atomic_path",
    "cache_folder",
    "cache_place",
    "digest",
    "expand_home",
    "find_cached",
    "make_folder",
    "one_line",
    "packs_folder",
    "path_variable",
    "read_json",
    "sha256_file",
    "write_json",
    "write_text",
]

logger = logging.getLogger(__name__)

_CONTROLS = {number: repr(chr(number))[1:-1] for number in (*range(32), *range(127, 160))}


_temporary_caches: dict[int, Path] = {}
"""The temporary cache of each process, by its number: a forked one makes its own."""


def expand_home(path: str) -> Path:
    """A path that a user wrote, with the home folder in place of `~`.

    Raises:
        PolycapError: the home folder is not known.
    """
    expanded = os.path.expanduser(path)  # noqa: PTH111  # that of pathlib does not name the path
    if expanded.startswith("~"):
        raise PolycapError(f"{path}: the home folder is not known here; write the whole path, or ./ before a ~")
    return Path(expanded)


def path_variable(name: str) -> Path | None:
    """The path in an environment variable, with `~` expanded; None if it is not set, or empty.

    Raises:
        PolycapError: it begins with `~`, and the home folder is not known.
    """
    value = os.environ.get(name)
    try:
        return expand_home(value) if value else None
    except PolycapError as error:
        raise PolycapError(f"{name}: {error}") from error


def cache_folder() -> Path:
    """Where polycap keeps what it downloads and makes: `POLYCAP_CACHE`, or the user's cache folder.

    It may be missing, or not writable: see `find_cached` and `cache_place`. Where the home folder is not known, it is
    the temporary one.
    """
    try:
        return _user_folder("POLYCAP_CACHE", lambda: user_cache_path("polycap"))
    except PolycapError as error:
        return _temporary_cache(str(error))


def find_cached(name: str, is_usable: Callable[[Path], bool] = os.path.isfile) -> Path | None:
    """The usable file `name` of the cache, or of the temporary one of this process; None if neither has it."""
    temporary = _temporary_caches.get(os.getpid())
    paths = [folder / name for folder in (cache_folder(), temporary) if folder is not None]
    return next(filter(is_usable, paths), None)


def cache_place(name: str = ".") -> Path:
    """A folder of the cache that can be written, made if need be.

    Where it can't be, the folder is in a temporary cache, which is removed when this process ends; a notice says so,
    once.

    Raises:
        PolycapError: there is no temporary folder either.
    """
    folder = cache_folder() / name
    fault = _write_fault(folder)
    if not fault:
        return folder
    reason = f"{folder}: can't be written ({fault}); name another folder in POLYCAP_CACHE"
    return make_folder(_temporary_cache(reason) / name)


def packs_folder() -> Path:
    """Where `polycap install` puts packs: `POLYCAP_PACKS`, or `packs` in the user's folder for data.

    Raises:
        PolycapError: the home folder is not known.
    """
    return _user_folder("POLYCAP_PACKS", lambda: user_data_path("polycap") / "packs")


def _user_folder(variable: str, default: Callable[[], Path]) -> Path:
    """The folder in an environment variable, or the default in the user's home folder."""
    try:
        return path_variable(variable) or expand_home(str(default()))  # some versions of platformdirs leave a ~
    except RuntimeError as error:  # others raise
        raise PolycapError(f"the home folder is not known here; name a folder in {variable}") from error


def _write_fault(folder: Path) -> str:
    """The reason why no file can be made in `folder`, which is made if need be; empty if one can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _temporary_cache(reason: str) -> Path:
    """The cache of this process alone, removed at its end."""
    process = os.getpid()
    if process not in _temporary_caches:
        try:
            folder = Path(tempfile.mkdtemp(prefix="polycap-cache-"))
        except OSError as error:
            raise PolycapError(f"{reason}; nor is there a temporary folder to write to ({error.strerror})") from error
        if _temporary_caches.setdefault(process, folder) is not folder:
            folder.rmdir()  # another thread was quicker
        else:
            atexit.register(_remove_cache, folder, process)
            logger.warning("%s; the cache of this process is %s, and is removed at its end", reason, folder)
    return _temporary_caches[process]


def _remove_cache(folder: Path, process: int) -> None:
    if process == os.getpid():  # else a forked process, which inherited this
        shutil.rmtree(folder, ignore_errors=True)


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
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    # the permissions are those that new files get here, without a chmod, which some file systems refuse
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        # a full disk does not say what was written
        if error.errno == errno.ENOSPC and error.filename in (None, str(temporary)):
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
