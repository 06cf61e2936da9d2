"""Capacity of the service: photos and bytes in memory, and reservations of requests."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["BusyError", "Capacity", "Reservation"]


class BusyError(Exception):
    """The capacity is exhausted."""


class Capacity:
    """Remaining capacity of the service: photos and bytes. For use in one thread, the event loop's.

    Attributes:
        photos: number of further photos.
        size: further bytes of their files.
    """

    def __init__(self, photos: int, size: int) -> None:
        self.photos, self.size = photos, size

    @contextmanager
    def reserve(self) -> Iterator["Reservation"]:
        """Yield an empty reservation; it is released at the end."""
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self.photos += reservation.photos
            self.size += reservation.size


class Reservation:
    """Capacity reserved by one request.

    Attributes:
        photos: number of reserved photos.
        size: reserved bytes.
    """

    def __init__(self, capacity: Capacity) -> None:
        self._capacity, self.photos, self.size = capacity, 0, 0

    def add(self, *, photos: int = 0, size: int = 0) -> None:
        """Reserve more.

        Raises:
            BusyError: the remaining capacity is less.
        """
        if photos > self._capacity.photos or size > self._capacity.size:
            raise BusyError
        self._capacity.photos -= photos
        self._capacity.size -= size
        self.photos += photos
        self.size += size
