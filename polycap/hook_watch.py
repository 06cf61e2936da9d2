"""Watching what a hook does beside returning: Python's own audit events, its output, and the environment."""

import contextlib
import io
import os
import random
import sys
import threading
from collections.abc import Iterator
from functools import cache

__all__ = ["watch_hook"]

# https://docs.python.org/3/library/audit_events.html; all else that leaves a trace ends in one of these
_MODULES = ("_thread", "ctypes", "os", "shutil", "signal", "socket", "sqlite3", "subprocess", "tempfile", "urllib")
_DEEDS = tuple(f"{module}." for module in _MODULES)
_LOOKING = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.getxattr", "os.listxattr"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_watched: list[tuple[frozenset[int | None], list[str]]] = []  # of each block: the threads that are not its, its deeds


@contextlib.contextmanager
def watch_hook() -> Iterator[list[str]]:
    """Collect what is done inside the block: files written, processes, connections, output, the environment.

    What threads do that ran before is not the hook's.
    """
    _listen()
    deeds: list[str] = []
    printed = io.StringIO()
    environment, path, dice = dict(os.environ), list(sys.path), random.getstate()
    random.seed()  # lest a hook that seeds them does what it did before
    thrown = random.getstate()
    others = frozenset(thread.ident for thread in threading.enumerate()) - {threading.get_ident()}
    _watched.append((others, deeds))
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield deeds
    finally:
        _watched[:] = [block for block in _watched if block[1] is not deeds]
        if printed.getvalue():
            deeds.append(f"printed {printed.getvalue()[:40]!r}")
        if dict(os.environ) != environment or sys.path != path:
            deeds.append("changed the environment or sys.path")
        if random.getstate() != thrown:
            deeds.append("drew or seeded random numbers")
        random.setstate(dice)
        deeds[:] = dict.fromkeys(deeds)


@cache
def _listen() -> None:
    sys.addaudithook(_hear)  # for good: Python has no way to remove one


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if not _watched:
        return
    deed = ""
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING:
            deed = f"opened {path} for writing"
    elif event.startswith(_DEEDS) and event not in _LOOKING:
        deed = f"caused {event}"
    if deed:
        for others, deeds in _watched:
            if threading.get_ident() not in others:
                deeds.append(deed)
