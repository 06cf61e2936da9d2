"""Locks between processes; a process releases its locks when it ends."""

import errno
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from polycap.errors import BuildError, PolycapError
from polycap.files.folders import make_folder
from polycap.files.hashes import digest

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["exclusive", "lock_folder", "wait_for_lock"]

logger = logging.getLogger(__name__)

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
"""Errors of file systems without locks."""


@contextmanager
def exclusive(path: Path, taken: PolycapError) -> Iterator[None]:
    """Hold the lock file `path`, whose folder must exist; the file is not removed.

    Raises:
        PolycapError: `taken`, if another process or thread holds the lock.
    """
    lock = _acquire(path, wait=False)
    if lock is None:
        raise taken
    try:
        yield
    finally:
        lock.release()


@contextmanager
def wait_for_lock(path: Path, taken: str = "") -> Iterator[None]:
    """Hold the lock file `path`, whose folder must exist; wait for another process or thread. The file is not removed.

    Args:
        path: lock file.
        taken: warning to log before waiting. (default: none)
    """
    lock = _acquire(path, wait=False)
    if lock is None:
        if taken:
            logger.warning("%s", taken)
        lock = _acquire(path, wait=True)
    assert lock is not None
    try:
        yield
    finally:
        lock.release()


def _acquire(path: Path, *, wait: bool) -> "BaseFileLock | None":
    """Acquire the first kind of lock that the file systems support; return None if it is held and `wait` is off."""
    from filelock import Timeout  # imported here: it takes 70 ms, and most processes lock nothing

    unsupported = None
    for lock in _kinds(path):
        try:
            # A timeout of several tries: the first may only remove the soft lock of a killed process.
            lock.acquire(timeout=-1 if wait else 0.1)
        except Timeout:
            return None
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            unsupported = error
        else:
            return lock
    assert unsupported is not None
    raise unsupported


def _kinds(path: Path) -> Iterator["BaseFileLock"]:
    """Yield the lock on `path`, then locks in the temporary folder, for file systems without locks."""
    from filelock import FileLock, SoftFileLock

    # thread_local=False: another thread may release it. fallback_to_soft=False: no soft lock beside the data.
    yield FileLock(path, thread_local=False, fallback_to_soft=False)
    user = os.getuid() if hasattr(os, "getuid") else 0
    name = f"polycap-{digest([user, str(path.resolve())])}"
    logger.debug("%s: this file system has no locks; using locks in this machine's temporary folder", path)
    yield FileLock(Path(tempfile.gettempdir(), f"{name}.lock"), thread_local=False, fallback_to_soft=False)
    yield SoftFileLock(Path(tempfile.gettempdir(), f"{name}.held"), thread_local=False)


@contextmanager
def lock_folder(folder: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Lock a folder against other processes; create it. A killed process releases the lock.

    Args:
        folder: folder to lock; the lock file in it is not removed.
        what: name of the result that is built there, for the message.
        wait: whether to wait for the other process rather than raise. (default: False)

    Raises:
        BuildError: another process holds the lock, and `wait` is off.
    """
    lock = make_folder(folder) / ".lock"
    taken = f"{folder}: another build of {what} is running here"
    error = BuildError(f"{taken}; wait for it, or end it")
    with wait_for_lock(lock, f"{taken}; waiting for it") if wait else exclusive(lock, error):
        yield
