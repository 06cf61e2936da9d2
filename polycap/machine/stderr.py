"""A process's stderr, silenced for a while."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the process's stderr, below Python: TensorFlow 2.21 greets there whatever its log level is.

    Only for calls that report failure by an exception.
    """
    try:
        kept = os.dup(2)
    except OSError:  # a process without stderr is quiet already
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
