"""Infer requests of a compiled graph, shared by any number of threads.

An infer request serves one call at a time. Each request has a thread of its own, which takes calls from one queue:
callers wait for their own calls and for nobody else's. A call computes the same alone as beside others, since calls of
several callers are never put into one batch: the sums of a batch of another size are rounded otherwise.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polycap.machine.fork import keep_in_forks, require_same_process

__all__ = ["Outputs", "RequestPool"]

Outputs: TypeAlias = tuple[NDArray[Any], ...]
"""What a call computes: a copy of each of the graph's outputs."""


class RequestPool:
    """The infer requests of one graph. It may be called from any thread.

    Args:
        compile_graph: returns the compiled graph; called once, on first use.
    """

    def __init__(self, compile_graph: Callable[[], Any]) -> None:
        self._compile, self._lock = compile_graph, threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._free: SimpleQueue[Any] = SimpleQueue()
        self._size = 0
        keep_in_forks(self)

    def open(self) -> int:
        """Compile the graph, if that has not been done, and return the number of its requests.

        Raises:
            CaptionRuntimeError: it can't be compiled, or this process was forked.
        """
        require_same_process()
        with self._lock:
            if self._threads is None:
                graph = self._compile()
                self._size = graph.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
                for _ in range(self._size):
                    self._free.put(graph.create_infer_request())
                self._threads = ThreadPoolExecutor(self._size, "polycap-infer")
        return self._size

    def run(self, inputs: Sequence[NDArray[Any] | tuple[NDArray[Any], ...]]) -> list[Outputs]:
        """Compute the outputs of each input, as many at once as there are requests.

        Args:
            inputs: an array each; for a graph of several inputs, a tuple of arrays.

        Raises:
            CaptionRuntimeError: this process was forked from the one that compiled the graph.
        """
        self.open()
        assert self._threads is not None
        calls: list[Future[Outputs]] = [self._threads.submit(self._infer, array) for array in inputs]
        try:
            wait(calls)
        finally:  # Ctrl-C: what has not begun does not begin
            for call in calls:
                call.cancel()
        return [call.result() for call in calls]

    def _infer(self, array: NDArray[Any] | tuple[NDArray[Any], ...]) -> Outputs:
        arrays = array if isinstance(array, tuple) else (array,)
        request = self._free.get()
        try:
            # Not `infer`, which would compute in this thread, beside those that the graph was compiled for.
            request.start_async(dict(enumerate(map(np.ascontiguousarray, arrays))))
            request.wait()
            return tuple(output.data.copy() for output in request.output_tensors)
        finally:
            self._free.put(request)
