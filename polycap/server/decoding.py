"""Decoding of the service's photos in child processes: one that hangs or dies affects its photo only."""

import logging
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from polycap.errors import PhotoError
from polycap.machine.child import start_child
from polycap.machine.processor import core_count
from polycap.photos.batches import Decoded
from polycap.photos.load import PhotoBytes
from polycap.server.decoding_child import ANSWER, PIXELS, READY, REQUEST
from polycap.server.limits import Limits

__all__ = ["Decoders"]

logger = logging.getLogger(__name__)

_TARGET = "polycap.server.decoding_child:run"
_MAX_CORES = 8
_START_SECONDS = 60
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@dataclass(eq=False)
class _Request:
    """Photos of one request.

    Attributes:
        photos: files.
        on_decoded: function that is called with the decoded photos, or with None if the service ends before.
        is_cancelled: function that returns whether the request was cancelled.
        decoded: decoded photos or their errors, by index. (default: none)
        begun: number of photos that were sent to a process. (default: 0)
    """

    photos: Sequence[PhotoBytes]
    on_decoded: Callable[[list[Decoded] | None], None]
    is_cancelled: Callable[[], bool]
    decoded: dict[int, Decoded] = field(default_factory=dict)
    begun: int = 0

    @property
    def running(self) -> int:
        """Number of photos that are being decoded."""
        return self.begun - len(self.decoded)


class Decoders:
    """Decoding processes, one more than cores, each with a thread. A context manager: they run inside the `with` block.

    One request uses all processes but one at most, so that another request does not wait for its slow photos.

    Args:
        size: side of the decoded photos, pixels.
        limits: limits of the service.
    """

    def __init__(self, size: int, limits: Limits) -> None:
        self._size, self._limits = size, limits
        self._requests: list[_Request] = []
        self._changed = threading.Condition()
        self._ended = False
        self._processes: set[subprocess.Popen[bytes]] = set()
        count = min(core_count(), _MAX_CORES) + 1
        self._share = count - 1
        self._threads = [
            threading.Thread(target=self._run, name=f"decoding {number}", daemon=True) for number in range(count)
        ]

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
            request.on_decoded(None)

    def decode(
        self,
        photos: Sequence[PhotoBytes],
        on_decoded: Callable[[list[Decoded] | None], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Start to decode photos; return at once.

        Args:
            photos: files.
            on_decoded: function called in another thread with all photos, `(size, size, 3) uint8` each, or their
                errors; with None if the service ends before.
            is_cancelled: function that returns whether the request was cancelled.
        """
        if not photos:
            on_decoded([])
            return
        with self._changed:
            self._requests.append(_Request(photos, on_decoded, is_cancelled))
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
        """Send photos to a process until it ends or the service does."""
        with self._changed:
            self._processes.add(process)
            if self._ended:
                return
        try:
            if _exchange(process, _START_SECONDS)[0] != READY:
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
        """Return the decoded photo or its error, and whether the process is alive."""
        name, seconds = photo.name.encode(errors="replace"), self._limits.decoding_seconds
        kind, payload = _exchange(process, seconds, REQUEST.pack(len(name), len(photo.data)) + name, photo.data)
        if kind == PIXELS:
            return np.frombuffer(payload, np.uint8).reshape(self._size, self._size, 3), True
        if kind:
            return PhotoError(payload.decode()), True
        if payload:
            return PhotoError(f"{photo}: takes more than {seconds} seconds to decode; make it smaller"), False
        return PhotoError(f"{photo}: can't be decoded (the process that tried ended); save it again, or smaller"), False

    def _next(self) -> tuple[_Request, int] | None:
        """Wait for a photo, of the request with the fewest processes; return request and index, or None at the end."""
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
            if request.is_cancelled():  # its other photos are skipped
                for other in range(request.begun, len(request.photos)):
                    request.decoded[other] = PhotoError(f"{request.photos[other]}: its request was cancelled")
                request.begun = len(request.photos)
            is_complete = len(request.decoded) == len(request.photos)
            if is_complete:
                self._requests.remove(request)
            self._changed.notify_all()
        if is_complete:
            request.on_decoded([decoded for _, decoded in sorted(request.decoded.items(), key=lambda item: item[0])])

    def _refuse_next(self) -> None:
        if (task := self._next()) is not None:
            request, index = task
            message = f"{request.photos[index]}: can't be decoded now (the server's log says why); try again later"
            self._finish(request, index, PhotoError(message))


def _exchange(process: "subprocess.Popen[bytes]", seconds: float, *message: bytes) -> tuple[bytes, bytes]:
    """Send a message and return kind and payload of the answer.

    The kind is empty if the process died; the payload is not empty then if it was killed after `seconds`.
    """
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
    except OSError:  # the process died
        pass
    finally:
        timer.cancel()
    return b"", b"late" if overdue.is_set() else b""


def _write(descriptor: int, message: bytes) -> None:
    """Write without a buffer, which would be written again on closing the pipe of a dead process."""
    rest = memoryview(message)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
