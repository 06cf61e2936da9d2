"""Calls of captioners from several threads: the process that `benchmarks.threads` starts and, if it hangs, kills.

It imports only public names of polycap, so that any checkout can be measured.
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
                outcome: dict[str, Any] = {"captions": captioners[index](photos)}
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


def _load(job: dict[str, Any]) -> list[Callable[[list[str]], list[str]]]:
    """Load two captioners that share an encoder, as functions of photos."""
    import polycap

    # checkouts before `polycap.load` have the same as `Captioner.load`
    load: Any = getattr(polycap, "load", None) or polycap.Captioner.load  # type: ignore[attr-defined]
    first = load(job["languages"][0])
    captioners = [first, load(job["languages"][1], encoder=first.encoder)]
    calls = [_texts(captioner) for captioner in captioners]
    for call in calls:
        call(job["warm_up"][:1])  # a single photo has another graph
        call(job["warm_up"])
    return calls


def _texts(captioner: Any) -> Callable[[list[str]], list[str]]:
    return getattr(captioner, "caption", None) or (lambda photos: [caption.text for caption in captioner(photos)])
