"""Worker of the service: one thread that captions the decoded photos of waiting requests, in batches.

Captioning uses all cores, so a second thread would gain nothing. A batch of several requests' photos takes less time
than the requests one after another.
"""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from polycap.captioning.captioner import Captioner
from polycap.captioning.captioners import Captioners
from polycap.captioning.rows import AnswerRow, caption_row, error_row
from polycap.captioning.stream import CaptionRequest, PhotoCaptions, caption_requests
from polycap.errors import PhotoError
from polycap.photos.batches import BATCH_SIZE, Decoded
from polycap.photos.load import PhotoBytes
from polycap.server.decoding import Decoders
from polycap.server.limits import DEFAULTS, Limits

__all__ = ["Worker"]


@dataclass(frozen=True)
class _Job:
    """A request whose photos are decoded.

    Attributes:
        photos: files.
        decoded: decoded photos or their errors, in the same order.
        codes: codes of the languages.
        n_best: maximum number of candidates per caption.
        answer: future of the answer.
    """

    photos: Sequence[PhotoBytes]
    decoded: Sequence[Decoded]
    codes: Sequence[str]
    n_best: int
    answer: "Future[list[AnswerRow]]"


class Worker:
    """The thread and its queue. A context manager: the thread runs inside the `with`; its end cancels waiting jobs.

    Args:
        captioners: captioners by language code.
        limits: limits of decoding. (default: those of `Limits`)
    """

    def __init__(self, captioners: Captioners, limits: Limits = DEFAULTS) -> None:
        self._captioners, self._decoders = captioners, Decoders(captioners.encoder.size, limits)
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

    def submit(self, photos: Sequence[PhotoBytes], codes: Sequence[str], n_best: int) -> "Future[list[AnswerRow]]":
        """Submit photos to be decoded and captioned.

        Args:
            photos: files.
            codes: codes of the languages.
            n_best: maximum number of candidates per caption.

        Returns:
            A future of the objects of `polycap caption --json`, by photo, then language. Its error is that of a
            language that can't be loaded, or of captioning.
        """
        answer: Future[list[AnswerRow]] = Future()

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
        """Wait for jobs; return as many as fit into a batch, one at least, or none at the end."""
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
            except Exception as error:  # a language that can't be loaded fails its own jobs only
                job.answer.set_exception(error)
        try:
            self._caption(ready)
        except Exception as error:  # the thread must go on with the next jobs
            for job, _ in ready:
                if not job.answer.done():
                    job.answer.set_exception(error)

    def _caption(self, ready: Sequence[tuple[_Job, list[Captioner]]]) -> None:
        requests = [
            CaptionRequest(decoded, captioners)
            for job, captioners in ready
            for decoded in job.decoded
            if not isinstance(decoded, PhotoError)
        ]
        n_best = max((job.n_best for job, _ in ready), default=1)
        results = caption_requests(requests, self._captioners.encoder, n_best=n_best)
        for job, _ in ready:
            rows: list[AnswerRow] = []
            for photo, decoded in zip(job.photos, job.decoded, strict=True):
                rows += _rows(photo, decoded if isinstance(decoded, PhotoError) else next(results), job.n_best)
            job.answer.set_result(rows)


def _rows(photo: PhotoBytes, captions: PhotoCaptions, n_best: int) -> list[AnswerRow]:
    """Return a photo's objects, with its file name; cut the candidates to `n_best`, since the batch may have more."""
    if isinstance(captions, PhotoError):
        return [error_row(photo, captions)]
    return [
        caption_row(replace(caption, photo=photo, candidates=caption.candidates[:n_best]))
        for caption in captions.values()
    ]
