"""Deferred delivery of a KeyboardInterrupt that TensorFlow swallows."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["deferred_interrupt"]


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Record Ctrl-C; yield a function that raises KeyboardInterrupt if Ctrl-C was pressed.

    TensorFlow prints and discards exceptions in Python functions that it calls from C++, KeyboardInterrupt too: in
    training, one press in nine was lost. Outside the main thread, and if Ctrl-C does not raise KeyboardInterrupt, this
    does nothing.
    """
    previous = signal.getsignal(signal.SIGINT)
    if previous is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    is_pressed = False

    def press(number: int, frame: Any) -> None:
        nonlocal is_pressed
        is_pressed = True
        signal.default_int_handler(number, frame)

    def check() -> None:
        if is_pressed:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, press)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, previous)
