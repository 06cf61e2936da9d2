"""Disk space of a file, taken before it is written."""

import errno
import os
from pathlib import Path

__all__ = ["allocate"]

_UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.ENODEV}
"""Errors of file systems that can't take space for a file."""


def allocate(path: Path, size: int) -> None:
    """Take the space of an existing file; what it holds stays, and one that has its space is left alone.

    A memory map of a sparse file raises SIGBUS, which ends the process without a word, if another program has filled
    the disk. A file system that can't take space, and a system without `posix_fallocate`, leave the file sparse.

    Raises:
        OSError: the disk is full, or the file can't be written.
    """
    blocks = getattr(path.stat(), "st_blocks", 0) * 512
    if blocks < size and hasattr(os, "posix_fallocate"):
        try:
            with path.open("r+b") as stream:
                os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
