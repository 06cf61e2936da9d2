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
        memory_mb: megabytes that their files may take together.
        seconds: in which a request must have arrived; until then it keeps its place.
        megapixels: decoded pixels of a photo, as `PhotoLimits` has them.
        decoding_seconds: in which a photo must be decoded.
    """

    photo_mb: int = 25
    photos: int = 32
    queue: int = 128
    memory_mb: int = 1000
    seconds: int = 60
    megapixels: float = 25.0
    decoding_seconds: int = 10

    @property
    def decoding_mb(self) -> int:
        """Megabytes (10^6 bytes) that decoding a photo may take; HEIC takes 12 bytes a pixel."""
        return max(600, round(20 * self.megapixels))

    @property
    def photo_bytes(self) -> int:
        """Bytes of a photo's file."""
        return self.photo_mb * 1_000_000

    @property
    def memory_bytes(self) -> int:
        """Bytes that all photos' files may take together."""
        return self.memory_mb * 1_000_000


DEFAULTS = Limits()
