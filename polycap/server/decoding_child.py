"""Child process that decodes the service's photos, one at a time, within limits of memory and time.

A request on standard input has the lengths of a name and of a file, then both. An answer on standard output has a kind
and a length, then the pixels or the message of a `PhotoError`. The process ends at the end of its input.
"""

import contextlib
import os
import signal
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from polycap.errors import PhotoError
from polycap.photos.limits import PhotoLimits
from polycap.photos.load import PhotoBytes, load_photo

__all__ = ["ANSWER", "ERROR", "PIXELS", "READY", "REQUEST", "run"]

REQUEST, ANSWER = struct.Struct(">II"), struct.Struct(">cI")
PIXELS, ERROR, READY = b"P", b"E", b"R"
_MORE_SECONDS = 5
"""Seconds after the limit until the process ends by itself, if its parent has died and can't kill it."""
_MORE_ADDRESSES_MB = 1000
"""Address space that threads and allocators reserve without use, megabytes."""


def run(job: dict[str, Any]) -> None:
    """Answer requests until standard input ends.

    Args:
        job: `size`, side of the decoded photos, pixels; `megapixels`, as for `PhotoLimits`; `memory_mb` and `seconds`,
            limits of memory and time for one photo.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent ends this one
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # output of a decoder would be read as an answer
    _warm_up(job["size"])
    _limit_memory(job["memory_mb"])
    limits = PhotoLimits(job["megapixels"])
    _send(target, READY, b"")
    while head := source.read(REQUEST.size):
        name, data = (source.read(length) for length in REQUEST.unpack(head))
        with _alarm(job["seconds"] + _MORE_SECONDS):
            try:
                _send(target, PIXELS, load_photo(PhotoBytes(name.decode(), data), job["size"], limits).tobytes())
            except PhotoError as error:
                _send(target, ERROR, str(error).encode())


def _send(target: BinaryIO, kind: bytes, payload: bytes) -> None:
    target.write(ANSWER.pack(kind, len(payload)) + payload)
    target.flush()


def _warm_up(size: int) -> None:
    """Load Pillow's plugins before the memory is limited."""
    from PIL import Image
    from pillow_heif import register_heif_opener

    Image.init()
    register_heif_opener(thumbnails=False)
    with contextlib.suppress(PhotoError):
        load_photo(PhotoBytes("", b"RIFF"), size)


def _limit_memory(megabytes: int) -> None:
    """Limit the memory that can be allocated from now on, on systems that can."""
    if sys.platform == "win32":
        return
    import resource

    used = {resource.RLIMIT_AS: 1 << 30, resource.RLIMIT_DATA: 1 << 28}
    with contextlib.suppress(OSError):
        pages = [int(field) for field in Path("/proc/self/statm").read_text(encoding="ascii").split()]
        whole, data = (pages[place] * resource.getpagesize() for place in (0, 5))
        used = {resource.RLIMIT_AS: whole, resource.RLIMIT_DATA: data}
    for kind, more in ((resource.RLIMIT_AS, megabytes + _MORE_ADDRESSES_MB), (resource.RLIMIT_DATA, megabytes)):
        with contextlib.suppress(OSError, ValueError):  # macOS has no such limit; or the limit is lower already
            limit = used[kind] + more * 1_000_000
            resource.setrlimit(kind, (limit, limit))


@contextlib.contextmanager
def _alarm(seconds: int) -> Any:
    """End the process if the `with` block takes longer, also if a decoder hangs."""
    if not hasattr(signal, "alarm"):
        yield
        return
    signal.alarm(seconds)
    yield
    signal.alarm(0)
