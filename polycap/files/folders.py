"""Cache and data folders of polycap, and writable folders."""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from polycap.errors import PolycapError

__all__ = ["cache_folder", "cache_place", "expand_home", "find_cached", "make_folder", "packs_folder", "path_variable"]

logger = logging.getLogger(__name__)


_temporary_caches: dict[int, Path] = {}
"""Temporary cache of each process by process id: a forked process makes another one."""


def expand_home(path: str) -> Path:
    """Return a path that a user wrote, with `~` expanded.

    Raises:
        PolycapError: the home folder is not known.
    """
    expanded = os.path.expanduser(path)  # noqa: PTH111  # the error of pathlib's does not name the path
    if expanded.startswith("~"):
        raise PolycapError(f"{path}: the home folder is not known here; write the whole path, or ./ before a ~")
    return Path(expanded)


def path_variable(name: str) -> Path | None:
    """Return the path in an environment variable, with `~` expanded; None if it is not set, or empty.

    Raises:
        PolycapError: it begins with `~`, and the home folder is not known.
    """
    value = os.environ.get(name)
    try:
        return expand_home(value) if value else None
    except PolycapError as error:
        raise PolycapError(f"{name}: {error}") from error


def cache_folder() -> Path:
    """Return the cache folder, for downloads and graphs: `POLYCAP_CACHE`, or the user's cache folder.

    It may not exist or not be writable: see `find_cached` and `cache_place`. If the home folder is not known, it is a
    temporary cache.
    """
    try:
        return _user_folder("POLYCAP_CACHE", lambda: user_cache_path("polycap"))
    except PolycapError as error:
        return _temporary_cache(str(error))


def find_cached(name: str, is_usable: Callable[[Path], bool] = os.path.isfile) -> Path | None:
    """Return the usable file `name` of the cache, or of this process' temporary cache; None if neither has it."""
    temporary = _temporary_caches.get(os.getpid())
    paths = [folder / name for folder in (cache_folder(), temporary) if folder is not None]
    return next(filter(is_usable, paths), None)


def cache_place(name: str = ".") -> Path:
    """Return a writable folder of the cache; create it if it does not exist.

    If the cache is not writable, the folder is in a temporary cache, which is removed when this process ends; a warning
    says so once.

    Raises:
        PolycapError: no temporary folder is writable either.
    """
    folder = cache_folder() / name
    fault = _write_fault(folder)
    if not fault:
        return folder
    reason = f"{folder}: can't be written ({fault}); name another folder in POLYCAP_CACHE"
    return make_folder(_temporary_cache(reason) / name)


def packs_folder() -> Path:
    """Return the folder of installed packs: `POLYCAP_PACKS`, or `packs` in the user's data folder.

    Raises:
        PolycapError: the home folder is not known.
    """
    return _user_folder("POLYCAP_PACKS", lambda: user_data_path("polycap") / "packs")


def _user_folder(variable: str, default: Callable[[], Path]) -> Path:
    """Return the folder in an environment variable, or the default in the user's home folder."""
    try:
        # Without a home folder, some versions of platformdirs return a path with ~, others raise RuntimeError.
        return path_variable(variable) or expand_home(str(default()))
    except RuntimeError as error:
        raise PolycapError(f"the home folder is not known here; name a folder in {variable}") from error


def _write_fault(folder: Path) -> str:
    """Return the reason why no file can be created in `folder`, which is created first; empty if one can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _temporary_cache(reason: str) -> Path:
    """Return the cache of this process alone, which is removed at its end."""
    process = os.getpid()
    if process not in _temporary_caches:
        try:
            folder = Path(tempfile.mkdtemp(prefix="polycap-cache-"))
        except OSError as error:
            raise PolycapError(f"{reason}; nor is there a temporary folder to write to ({error.strerror})") from error
        if _temporary_caches.setdefault(process, folder) is not folder:
            folder.rmdir()  # another thread has made one meanwhile
        else:
            atexit.register(_remove_cache, folder, process)
            logger.warning("%s; the cache of this process is %s, and is removed at its end", reason, folder)
    return _temporary_caches[process]


def _remove_cache(folder: Path, process: int) -> None:
    if process == os.getpid():  # a forked process inherits this handler, but not the folder
        shutil.rmtree(folder, ignore_errors=True)


def make_folder(path: Path) -> Path:
    """Create the folder `path` and its parents, and return it.

    Raises:
        PolycapError: the folder can't be created or is not writable.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PolycapError(f"{path}: can't make this folder ({error.strerror}); choose another") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise PolycapError(f"{path}: this folder is not writable; choose another or change its permissions")
    return path
