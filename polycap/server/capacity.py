"""Photos and bytes that a server may have in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["BusyError", "Capacity", "Reservation"]


class BusyError(Exception):
    """There is no room for another photo."""


class Capacity:
    """How many more photos, and bytes of them, there is room for. For one thread, that of the event loop."""

    def __init__(self, photos: int, size: int) -> None:
        self.photos, self.size = photos, size

    @contextmanager
    def visit(self) -> Iterator["Reservation"]:
        """A request's stay; what it takes is given back at the end."""
        stay = Reservation(self)
        try:
            yield stay
        finally:
            self.photos += stay.photos
            self.size += stay.size


class Reservation:
    """What a request has taken: so many photos, of so many bytes."""

    def __init__(self, seats: Capacity) -> None:
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
