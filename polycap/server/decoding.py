"""Decode the service's photos in processes of their own: one that hangs or dies costs its photo alone."""

import logging
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from polycap.child import start_child
from polycap.errors import PhotoError
from polycap.features.extract import Decoded
from polycap.features.images import PhotoBytes
from polycap.server.decoding_child import ANSWER, PIXELS, READY, REQUEST
from polycap.server.limits import Limits

__all__ = ["Decoders"]

logger = logging.getLogger(__name__)

_TARGET = "polycap.server.decoding_child:run"
_MOST = 8
_START_SECONDS = 60
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@dataclass(eq=False)
class _Request:
    """Photos that are decoded together.

    Attributes:
        photos: the files.
        done: is called with the decoded photos, or with None if they are not decoded before the end.
        is_cancelled: whether nobody waits for them any more.
        decoded: photos that are decoded, or their errors, by index.
        begun: photos that have been handed to a process.
    """

    photos: Sequence[PhotoBytes]
    done: Callable[[list[Decoded] | None], None]
    is_cancelled: Callable[[], bool]
    decoded: dict[int, Decoded] = field(default_factory=dict)
    begun: int = 0

    @property
    def running(self) -> int:
        return self.begun - len(self.decoded)


class Decoders:
    """The processes, one more than cores, and a thread for each. A context manager: photos are decoded within.

    A request has all processes but one at most, so that another one does not wait for its slow photos.
    """

    def __init__(self, size: int, limits: Limits) -> None:
        self._size, self._limits = size, limits
        self._requests: list[_Request] = []
        self._changed = threading.Condition()
        self._ended = False
        self._processes: set[subprocess.Popen[bytes]] = set()
        count = min(_cores(), _MOST) + 1
        self._share = count - 1
        self._threads = [threading.Thread(target=self._run, name=f"decoding {n}", daemon=True) for n in range(count)]

    def __enter__(self) -> "Decoders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            thread.join()
        for request in self._requests:
            request.done(None)

    def decode(
        self,
        photos: Sequence[PhotoBytes],
        done: Callable[[list[Decoded] | None], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Have photos decoded, `(size, size, 3) uint8` each; `done` is called, in another thread, when all are."""
        if not photos:
            done([])
            return
        with self._changed:
            self._requests.append(_Request(photos, done, is_cancelled))
            self._changed.notify_all()

    # --- the threads ---

    def _run(self) -> None:
        job = {"size": self._size, "megapixels": self._limits.megapixels}
        job |= {"memory_mb": self._limits.decoding_mb, "seconds": self._limits.decoding_seconds}
        while not self._ended:
            try:
                with start_child(
                    _TARGET, job, environment=_ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                ) as process:
                    self._feed(process)
            except OSError as error:
                if self._ended:
                    return
                logger.error("no process to decode photos: %s", error)
                self._refuse_next()

    def _feed(self, process: "subprocess.Popen[bytes]") -> None:
        """Hand photos to a process for as long as it lives."""
        with self._changed:
            self._processes.add(process)
            if self._ended:
                return
        try:
            if _ask(process, _START_SECONDS)[0] != READY:
                if not self._ended:
                    logger.error("a process that decodes photos ended as it started")
                    self._refuse_next()
                return
            while (task := self._next()) is not None:
                request, index = task
                decoded, is_alive = self._decode(process, request.photos[index])
                self._finish(request, index, decoded)
                if not is_alive:
                    return
        finally:
            with self._changed:
                self._processes.discard(process)

    def _decode(self, process: "subprocess.Popen[bytes]", photo: PhotoBytes) -> tuple[Decoded, bool]:
        """The decoded photo, or its error, and whether the process lives."""
        name, seconds = photo.name.encode(errors="replace"), self._limits.decoding_seconds
        kind, payload = _ask(process, seconds, REQUEST.pack(len(name), len(photo.data)) + name, photo.data)
        if kind == PIXELS:
            return np.frombuffer(payload, np.uint8).reshape(self._size, self._size, 3), True
        if kind:
            return PhotoError(payload.decode()), True
        if payload:
            return PhotoError(f"{photo}: takes more than {seconds} seconds to decode; make it smaller"), False
        return PhotoError(f"{photo}: can't be decoded (the process that tried ended); save it again, or smaller"), False

    def _next(self) -> tuple[_Request, int] | None:
        """A photo of the request that has the fewest processes; None at the end."""
        with self._changed:
            while not self._ended:
                waiting = [request for request in self._requests if request.begun < len(request.photos)]
                waiting = [request for request in waiting if request.running < self._share]
                if waiting:
                    request = min(waiting, key=lambda request: request.running)
                    request.begun += 1
                    return request, request.begun - 1
                self._changed.wait()
            return None

    def _finish(self, request: _Request, index: int, decoded: Decoded) -> None:
        with self._changed:
            request.decoded[index] = decoded
            if request.is_cancelled():  # the others need not be decoded
                for other in range(request.begun, len(request.photos)):
                    request.decoded[other] = PhotoError(f"{request.photos[other]}: is not waited for")
                request.begun = len(request.photos)
            whole = len(request.decoded) == len(request.photos)
            if whole:
                self._requests.remove(request)
            self._changed.notify_all()
        if whole:
            request.done([decoded for _, decoded in sorted(request.decoded.items(), key=lambda item: item[0])])

    def _refuse_next(self) -> None:
        if (task := self._next()) is not None:
            request, index = task
            message = f"{request.photos[index]}: can't be decoded now (the server's log says why); try again later"
            self._finish(request, index, PhotoError(message))


def _ask(process: "subprocess.Popen[bytes]", seconds: float, *message: bytes) -> tuple[bytes, bytes]:
    """Kind and payload of an answer; no kind where the process is dead, and a payload where it was too late."""
    overdue = threading.Event()

    def kill() -> None:
        overdue.set()
        process.kill()

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        for part in message:
            _write(process.stdin.fileno(), part)
        head = process.stdout.read(ANSWER.size)
        if len(head) == ANSWER.size:
            kind, length = ANSWER.unpack(head)
            payload = process.stdout.read(length)
            if len(payload) == length:
                return kind, payload
    except OSError:  # it is dead
        pass
    finally:
        timer.cancel()
    return b"", b"late" if overdue.is_set() else b""


def _write(descriptor: int, message: bytes) -> None:
    """Write without a buffer: what a dead process has not read would be written again when the pipe is closed."""
    rest = memoryview(message)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
