"""Batches of photos, decoded in threads ahead of their use."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from polycap.errors import PhotoError
from polycap.photos.load import Photograph, load_photo

__all__ = ["BATCH_SIZE", "Decoded", "decode_batches", "one_ahead"]

BATCH_SIZE = 32
"""Photos per pass of the encoder. A larger batch is no faster on a CPU, and takes 40 MB more per photo."""

Item = TypeVar("Item")
Decoded = NDArray[np.uint8] | PhotoError


def decode_batches(
    items: Sequence[tuple[Item, Photograph]], size: int, batch_size: int = BATCH_SIZE, threads: int = 2
) -> Iterator[list[tuple[Item, Decoded]]]:
    """Decode photos in order, at most two batches ahead of their use.

    Args:
        items: keys and photos.
        size: side of a decoded photo in pixels.
        batch_size: photos per batch. (default: 32)
        threads: number of decoding threads. (default: 2)

    Yields:
        Batches of `(key, pixels)`: `(size, size, 3) uint8`, or the `PhotoError` of a photo that can't be decoded.
    """

    def decode(item: tuple[Item, Photograph]) -> tuple[Item, Decoded]:
        key, photo = item
        try:
            return key, load_photo(photo, size)
        except PhotoError as error:
            return key, error

    waiting: deque[Future[tuple[Item, Decoded]]] = deque()
    position = 0
    with ThreadPoolExecutor(threads) as pool:
        try:
            while waiting or position < len(items):
                while position < len(items) and len(waiting) < 2 * batch_size:
                    waiting.append(pool.submit(decode, items[position]))
                    position += 1
                yield [waiting.popleft().result() for _ in range(min(batch_size, len(waiting)))]
        finally:  # a caller that stops early does not wait for further photos
            pool.shutdown(wait=False, cancel_futures=True)


def one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the same items; a thread computes the next one while the caller uses the one before."""
    rest = iter(items)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, rest, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, rest, None)
            yield item
