"""Infer requests of a compiled graph, shared by any number of threads.

An infer request serves one call at a time. Each request has its own thread, and the threads take calls from one queue,
so a caller waits for its own calls only. Calls of several callers are never put into one batch: sums are rounded
differently in a batch of another size, so a call would not always give the same result.
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
"""Result of a call: a copy of each of the graph's outputs."""


class RequestPool:
    """Infer requests of one graph. It may be called from any thread.

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
        """Compile the graph on the first call, and return the number of its requests.

        Raises:
            CaptionRuntimeError: the graph can't be compiled, or this process was forked.
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
        """Compute the outputs of each input, in parallel by all requests.

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
        finally:  # on Ctrl-C, cancel the calls that have not begun
            for call in calls:
                call.cancel()
        return [call.result() for call in calls]

    def _infer(self, array: NDArray[Any] | tuple[NDArray[Any], ...]) -> Outputs:
        arrays = array if isinstance(array, tuple) else (array,)
        request = self._free.get()
        try:
            # Not `infer`, which would compute in this thread in addition to the graph's own threads.
            request.start_async(dict(enumerate(map(np.ascontiguousarray, arrays))))
            request.wait()
            return tuple(output.data.copy() for output in request.output_tensors)
        finally:
            self._free.put(request)
