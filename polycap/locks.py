"""File locks, the only ones in the package. A process that ends lets go of its locks, also after `kill -9`.

A lock is the operating system's, on a file beside the work that it guards. Some network mounts have none. There it is
one on a file in the local temporary folder, named by the path's hash, which keeps out this user's other processes on
this machine. The existence of a file beside the work would keep out other machines, too; but nobody could tell the file
of a killed container from that of one that runs, and it would stay for ever. So the existence of a file, with process
and host written in it, is only the last resort: where the local folder has no locks either.
"""

import errno
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from polycap.errors import PolycapError
from polycap.files import digest

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["exclusive", "waiting"]

logger = logging.getLogger(__name__)

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
"""Answers of file systems without locks."""


@contextmanager
def exclusive(path: Path, taken: PolycapError) -> Iterator[None]:
    """Hold the lock file `path`, whose folder must exist; the file stays.

    Raises:
        PolycapError: `taken`, if another process or thread holds it.
    """
    lock = _acquire(path, wait=False)
    if lock is None:
        raise taken
    try:
        yield
    finally:
        lock.release()


@contextmanager
def waiting(path: Path, taken: str = "") -> Iterator[None]:
    """Hold the lock file `path`, whose folder must exist; the file stays.

    Args:
        path: of the lock file.
        taken: the notice to log before waiting for another process or thread that holds it; none if empty.
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
    """Acquire the first kind of lock that the file systems have; None if it is held, and `wait` is off."""
    from filelock import Timeout  # here: it takes 70 ms, and most processes lock nothing

    unsupported = None
    for lock in _kinds(path):
        try:
            # two tries or more: the first may but remove what a killed process left of the last kind
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
    """The lock on `path`, then its stand-ins: see above."""
    from filelock import FileLock, SoftFileLock

    # thread_local=False: another thread may let go of it. fallback_to_soft=False: no soft lock beside the work.
    yield FileLock(path, thread_local=False, fallback_to_soft=False)
    user = os.getuid() if hasattr(os, "getuid") else 0
    name = f"polycap-{digest([user, str(path.resolve())])}"
    logger.debug("%s: no file locks here; those of this machine's temporary folder serve", path)
    yield FileLock(Path(tempfile.gettempdir(), f"{name}.lock"), thread_local=False, fallback_to_soft=False)
    yield SoftFileLock(Path(tempfile.gettempdir(), f"{name}.held"), thread_local=False)
