"""Infer requests of a compiled graph, shared by any number of threads.

An infer request serves one call at a time. A caller takes free requests, starts its calls, and puts each request back
as soon as its outputs are read; if none is free, it waits for its own first call, or, if it has none, for another
caller. Calls of several callers are never put into one batch: sums are rounded differently in a batch of another size,
so a call would not always give the same result.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polycap.machine.fork import keep_in_forks, require_same_process

__all__ = ["Inputs", "Outputs", "RequestPool"]

Inputs: TypeAlias = NDArray[Any] | tuple[NDArray[Any], ...]
"""Input of a call: an array, or one for each of the graph's inputs."""

Outputs: TypeAlias = tuple[NDArray[Any], ...]
"""Result of a call: a view of each of the graph's outputs, overwritten by a later call."""


class RequestPool:
    """Infer requests of one graph. It may be called from any thread.

    Args:
        compile_graph: returns the compiled graph; called once, on first use.
    """

    def __init__(self, compile_graph: Callable[[], Any]) -> None:
        self._compile, self._lock = compile_graph, threading.Lock()
        self._free: SimpleQueue[Any] = SimpleQueue()
        self._streams = 0
        keep_in_forks(self)

    def open(self) -> int:
        """Compile the graph on the first call, and return how many calls OpenVINO computes at the same time.

        Raises:
            CaptionRuntimeError: the graph can't be compiled, or this process was forked.
        """
        require_same_process()
        with self._lock:
            if not self._streams:
                graph = self._compile()
                streams: int = graph.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
                # Twice as many: while Python reads one call's outputs, OpenVINO has the next call already.
                for _ in range(2 * streams):
                    self._free.put(graph.create_infer_request())
                self._streams = streams
        return self._streams

    def run(self, inputs: Iterable[Inputs]) -> Iterator[Outputs]:
        """Compute the outputs of each input, several at the same time.

        Yields:
            The outputs of each input, in order; they are valid until the next are drawn.

        Raises:
            CaptionRuntimeError: this process was forked from the one that compiled the graph.
        """
        self.open()
        running: deque[Any] = deque()
        try:
            for arrays in inputs:
                while (request := self._take(wait=not running)) is None:
                    yield _outputs(running[0])
                    self._free.put(running.popleft())
                running.append(request)
                each = arrays if isinstance(arrays, tuple) else (arrays,)
                # Not `infer`, which would compute in this thread in addition to the graph's own threads.
                request.start_async(dict(enumerate(map(np.ascontiguousarray, each))))
            while running:
                yield _outputs(running[0])
                self._free.put(running.popleft())
        finally:  # an error, Ctrl-C, or a caller that stops halfway
            for request in running:
                with contextlib.suppress(RuntimeError):  # it was not started, or failed
                    request.wait()
                self._free.put(request)

    def _take(self, *, wait: bool) -> Any:
        """Return a free request; None if there is none and the caller does not wait."""
        try:
            return self._free.get(block=wait)
        except Empty:
            return None


def _outputs(request: Any) -> Outputs:
    request.wait()
    return tuple(output.data for output in request.output_tensors)
