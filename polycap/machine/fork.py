"""Protection of forked processes: OpenVINO, TensorFlow and CTranslate2 compute in threads, which `fork` does not copy.

In a forked process a call into these libraries would wait for ever, and so would a destructor. Therefore the process
that first loads one of them owns them all. A process forked from it gets an error, and never destroys their objects.
"""

import ctypes
import os
import weakref
from typing import TypeVar

from polycap.errors import CaptionRuntimeError

__all__ = ["keep_in_forks", "require_same_process"]

Threaded = TypeVar("Threaded")

_owner: int | None = None
_threaded: "weakref.WeakSet[object]" = weakref.WeakSet()


def keep_in_forks(thing: Threaded) -> Threaded:
    """Register an object whose destructor waits for threads, so that forked processes never destroy it; return it."""
    _threaded.add(thing)
    return thing


def _keep() -> None:
    for thing in list(_threaded):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep)


def require_same_process() -> None:
    """Make this process the owner, if there is none yet. Must be called before any lock is taken.

    Raises:
        CaptionRuntimeError: this process was forked from the owner.
    """
    global _owner
    process = os.getpid()
    if _owner is None:
        _owner = process
    if _owner != process:
        raise CaptionRuntimeError(
            "this process was forked from one in which polycap had computed already, and can't compute itself; start "
            'processes by spawn (multiprocessing.get_context("spawn")), or load captioners only after the fork'
        )
