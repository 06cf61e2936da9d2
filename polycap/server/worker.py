"""One thread that owns the captioners, and captions together what waits at the same time, decoded before.

Captioning uses all cores: a second thread would gain nothing, while photos of several requests in one batch cost less
than each alone.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from polycap.captioning import Captioner, Result, Wanted, caption_each
from polycap.commands import load_captioner, result_rows
from polycap.errors import PhotoError
from polycap.features.extract import BATCH_SIZE, Decoded
from polycap.features.images import PhotoBytes
from polycap.registry import get_language
from polycap.runtime.base import Runtime
from polycap.server.decoding import Decoders
from polycap.server.limits import DEFAULTS, Limits

__all__ = ["BusyError", "Captioners", "Row", "Seats", "Stay", "Worker"]

logger = logging.getLogger(__name__)

Row = dict[str, Any]
"""An object of `polycap caption --json`."""


class BusyError(Exception):
    """There is no room for another photo."""


class Seats:
    """How many more photos, and bytes of them, there is room for. For one thread, that of the event loop."""

    def __init__(self, photos: int, size: int) -> None:
        self.photos, self.size = photos, size

    @contextmanager
    def visit(self) -> Iterator["Stay"]:
        """A request's stay; what it takes is given back at the end."""
        stay = Stay(self)
        try:
            yield stay
        finally:
            self.photos += stay.photos
            self.size += stay.size


class Stay:
    """What a request has taken: so many photos, of so many bytes."""

    def __init__(self, seats: Seats) -> None:
        self._seats, self.photos, self.size = seats, 0, 0

    def take(self, *, photos: int = 0, size: int = 0) -> None:
        """Take more.

        Raises:
            BusyError: others have it.
        """
        if photos > self._seats.photos or size > self._seats.size:
            raise BusyError
        self._seats.photos -= photos
        self._seats.size -= size
        self.photos += photos
        self.size += size


class Captioners:
    """Captioners by language code, which share an encoder; others are loaded when they are first asked for."""

    def __init__(self, loaded: Sequence[Captioner], runtime: Runtime, beam: int | None = None) -> None:
        self._loaded = {captioner.language.code: captioner for captioner in loaded}
        self._encoder, self._runtime, self._beam = loaded[0].encoder, runtime, beam

    @property
    def size(self) -> int:
        """Side of the encoder's photos, pixels."""
        return self._encoder.size

    def get(self, code: str) -> Captioner:
        """The captioner of a language.

        Raises:
            PolycapError: it can't be loaded.
        """
        if code not in self._loaded:
            logger.info("%s: loading", code)
            self._loaded[code] = load_captioner(get_language(code), self._encoder, self._runtime, beam=self._beam)
        return self._loaded[code]


@dataclass(frozen=True)
class _Job:
    """A request's photos, decoded or not to be read, and where its answer goes."""

    photos: Sequence[PhotoBytes]
    decoded: Sequence[Decoded]
    codes: Sequence[str]
    n_best: int
    answer: "Future[list[Row]]"


class Worker:
    """The thread, and the queue before it. A context manager: jobs are done within."""

    def __init__(self, captioners: Captioners, limits: Limits = DEFAULTS) -> None:
        self._captioners, self._decoders = captioners, Decoders(captioners.size, limits)
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="captioning", daemon=True)

    def __enter__(self) -> "Worker":
        self._decoders.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._decoders.__exit__()
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        for job in self._jobs:
            job.answer.cancel()

    def submit(self, photos: Sequence[PhotoBytes], codes: Sequence[str], n_best: int) -> "Future[list[Row]]":
        """Have photos captioned in these languages.

        Returns:
            What becomes the objects of `polycap caption --json`, by photo, then language; or an error, of a language
            that can't be loaded.
        """
        answer: Future[list[Row]] = Future()

        def add(decoded: list[Decoded] | None) -> None:
            if decoded is None:
                answer.cancel()
                return
            with self._changed:
                self._jobs.append(_Job(photos, decoded, codes, n_best, answer))
                self._changed.notify()

        self._decoders.decode(photos, add, answer.cancelled)
        return answer

    def _run(self) -> None:
        while jobs := self._next():
            self._do([job for job in jobs if job.answer.set_running_or_notify_cancel()])

    def _next(self) -> list[_Job]:
        """The jobs that wait, as many as make a batch; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._ended)
            jobs: list[_Job] = []
            photos = 0
            while self._jobs and not self._ended and (not jobs or photos + len(self._jobs[0].photos) <= BATCH_SIZE):
                jobs.append(self._jobs.popleft())
                photos += len(jobs[-1].photos)
            return jobs

    def _do(self, jobs: Sequence[_Job]) -> None:
        ready: list[tuple[_Job, list[Captioner]]] = []
        for job in jobs:
            try:
                ready.append((job, [self._captioners.get(code) for code in job.codes]))
            except Exception as error:  # of that language alone
                job.answer.set_exception(error)
        try:
            self._caption(ready)
        except Exception as error:  # whatever it is: the next jobs wait
            for job, _ in ready:
                if not job.answer.done():
                    job.answer.set_exception(error)

    def _caption(self, ready: Sequence[tuple[_Job, list[Captioner]]]) -> None:
        wanted = [
            Wanted(decoded, captioners)
            for job, captioners in ready
            for decoded in job.decoded
            if not isinstance(decoded, PhotoError)
        ]
        results = caption_each(wanted, n_best=max((job.n_best for job, _ in ready), default=1))
        for job, captioners in ready:
            found = [
                Result(photo, {}, decoded)
                if isinstance(decoded, PhotoError)
                else _of_photo(next(results), photo, job.n_best)
                for photo, decoded in zip(job.photos, job.decoded, strict=True)
            ]
            job.answer.set_result([row for result in found for row in result_rows(result, captioners)])


def _of_photo(result: Result, photo: PhotoBytes, n_best: int) -> Result:
    """Another job of the batch may have asked for more candidates."""
    return replace(result, photo=photo, candidates={code: c[:n_best] for code, c in result.candidates.items()})
