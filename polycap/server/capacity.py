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
        self._total = photos, size
        self._running: list[Reservation] = []

    def share_left(self, reservation: "Reservation") -> tuple[int, int]:
        """Return how many photos and bytes a reservation may have, if its peer has others: half of all together."""
        others = [each for each in self._running if each.peer == reservation.peer and each is not reservation]
        if not others or not reservation.peer:
            return self._total
        photos, size = (total // 2 for total in self._total)
        return photos - sum(each.photos for each in others), size - sum(each.size for each in others)

    @contextmanager
    def reserve(self, peer: str = "") -> Iterator["Reservation"]:
        """Yield an empty reservation; it is released at the end.

        Args:
            peer: address of who asks; all of its requests together may have half of the capacity, while one alone may
                have all. (default: unknown, without such a limit)
        """
        reservation = Reservation(self, peer)
        self._running.append(reservation)
        try:
            yield reservation
        finally:
            self._running.remove(reservation)
            self.photos += reservation.photos
            self.size += reservation.size


class Reservation:
    """Capacity reserved by one request.

    Attributes:
        peer: address of who asks; empty if unknown.
        photos: number of reserved photos.
        size: reserved bytes.
    """

    def __init__(self, capacity: Capacity, peer: str = "") -> None:
        self._capacity, self.peer, self.photos, self.size = capacity, peer, 0, 0

    def require(self, *, photos: int = 0, size: int = 0) -> None:
        """Check that more can be reserved.

        Raises:
            BusyError: the remaining capacity, or the peer's share of it, is less.
        """
        most_photos, most_size = self._capacity.share_left(self)
        if photos > self._capacity.photos or size > self._capacity.size:
            raise BusyError
        if self.photos + photos > most_photos or self.size + size > most_size:
            raise BusyError

    def add(self, *, photos: int = 0, size: int = 0) -> None:
        """Reserve more.

        Raises:
            BusyError: as for `require`.
        """
        self.require(photos=photos, size=size)
        self._capacity.photos -= photos
        self._capacity.size -= size
        self.photos += photos
        self.size += size
