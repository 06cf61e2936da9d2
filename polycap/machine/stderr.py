"""Redirection of stderr."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Discard the process' stderr at the level of file descriptors: TensorFlow 2.21 prints there at any log level.

    Use it only for calls that report failure by an exception.
    """
    try:
        saved = os.dup(2)
    except OSError:  # the process has no stderr
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
