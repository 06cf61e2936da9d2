"""Calls of captioners from several threads: the process that `benchmarks.threads` starts, and may have to kill.

It imports polycap's public names alone, so that any checkout's polycap can be measured.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TextIO


def main(job: dict[str, Any], _: TextIO, answer: Callable[[Any], None]) -> None:
    """Load captioners that share an encoder, caption once by each, then make the calls of all threads at once.

    Args:
        job: `languages`, two codes; `warm_up`, photos; `calls`, for each thread its calls `[number, language's index,
            photos]`.
        answer: takes null when the calls begin, or the error that keeps them from it; then of each call the number,
            the seconds since they began, and its captions or its error.
    """
    try:
        captioners = _load(job)
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answering, begin = threading.Lock(), threading.Barrier(len(job["calls"]) + 1)

    def call_all(calls: list[Any]) -> None:
        begin.wait()
        for number, index, photos in calls:
            try:
                outcome: dict[str, Any] = {"captions": [caption.text for caption in captioners[index](photos)]}
            except Exception as error:
                outcome = {"error": f"{type(error).__name__}: {error}"}
            with answering:
                answer({"call": number, "seconds": time.perf_counter() - start, **outcome})

    workers = [threading.Thread(target=call_all, args=(calls,), daemon=True) for calls in job["calls"]]
    for worker in workers:
        worker.start()
    answer(None)
    start = time.perf_counter()
    begin.wait()
    for worker in workers:
        worker.join()


def _load(job: dict[str, Any]) -> list[Any]:
    import polycap

    first = polycap.load(job["languages"][0])
    captioners = [first, polycap.load(job["languages"][1], encoder=first.encoder)]
    for captioner in captioners:
        captioner(job["warm_up"][:1])  # one photo alone has a graph of its own
        captioner(job["warm_up"])
    return captioners
