"""Photos drawn from an iterable and decoded in threads, ahead of their use."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from polycap.errors import PhotoError
from polycap.photos.load import Photograph, load_photo

__all__ = ["BATCH_SIZE", "Decoded", "PhotoQueue", "decode_batches"]

BATCH_SIZE = 32
"""Photos per pass of the encoder. A larger batch is no faster on a CPU, and takes 40 MB more per photo."""

Item = TypeVar("Item")
Decoded = NDArray[np.uint8] | PhotoError


class PhotoQueue(Generic[Item]):
    """Photos in order, drawn by the caller's thread and decoded by others. A context manager.

    Args:
        items: keys and photos, drawn one by one.
        size: side of a decoded photo, pixels.
        threads: number of threads that decode.
    """

    def __init__(self, items: Iterable[tuple[Item, Photograph]], size: int, threads: int = 2) -> None:
        self._items, self._size = iter(items), size
        self._waiting: deque[tuple[Item, Future[Decoded]]] = deque()
        self._fault: Exception | None = None
        self._ended = False
        self._pool = ThreadPoolExecutor(threads)

    def __enter__(self) -> "PhotoQueue[Item]":
        return self

    def __exit__(self, *_: object) -> None:
        # a caller that stops halfway does not wait for photos that nobody will see
        self._pool.shutdown(wait=False, cancel_futures=True)

    def draw(self, count: int) -> None:
        """Draw photos until `count` of them wait in the queue, or the items end."""
        while not self._ended and len(self._waiting) < count:
            try:
                key, photo = next(self._items)
            except StopIteration:
                self._ended = True
            except Exception as error:  # see `finish`
                self._fault, self._ended = error, True
            else:
                self._waiting.append((key, self._pool.submit(_decode, photo, self._size)))

    def take(self, count: int) -> list[tuple[Item, Future[Decoded]]]:
        """Remove up to `count` photos from the queue; an empty list where none waits."""
        return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    def finish(self) -> None:
        """Raise what the items raised, now that the photos before it are used."""
        if self._fault is not None:
            raise self._fault


def decode_batches(
    items: Iterable[tuple[Item, Photograph]], size: int, batch_size: int = BATCH_SIZE, threads: int = 2
) -> Iterator[list[tuple[Item, Decoded]]]:
    """Decode photos in order, ahead of their use; items are drawn at most two batches ahead.

    Args:
        items: keys and photos.
        size: side of a decoded photo in pixels.
        batch_size: photos per batch. (default: 32)
        threads: number of decoding threads. (default: 2)

    Yields:
        Batches of `(key, pixels)`: `(size, size, 3) uint8`, or the `PhotoError` of a photo that can't be decoded.
    """
    with PhotoQueue(items, size, threads) as queue:
        queue.draw(2 * batch_size)
        while batch := queue.take(batch_size):
            yield [(key, decoded.result()) for key, decoded in batch]
            queue.draw(2 * batch_size)
        queue.finish()


def _decode(photo: Photograph, size: int) -> Decoded:
    try:
        return load_photo(photo, size)
    except PhotoError as error:
        return error
