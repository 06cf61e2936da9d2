"""How much a request, and all of them together, may ask for."""

from dataclasses import dataclass

__all__ = ["DEFAULTS", "Limits"]


@dataclass(frozen=True)
class Limits:
    """What is refused is above these.

    Attributes:
        photo_mb: megabytes (10^6 bytes) of a photo's file.
        photos: photos of a request.
        queue: photos in memory at once: those that are being received, that wait, and that are being captioned.
    """

    photo_mb: int = 25
    photos: int = 32
    queue: int = 128

    @property
    def photo_bytes(self) -> int:
        """Bytes of a photo's file."""
        return self.photo_mb * 1_000_000


DEFAULTS = Limits()
