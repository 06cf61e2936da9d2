"""Limits of one request, and of all requests together."""

from dataclasses import dataclass

__all__ = ["DEFAULTS", "Limits"]


@dataclass(frozen=True)
class Limits:
    """Maximum values; requests above them are rejected.

    Attributes:
        photo_mb: size of a photo's file, megabytes (10^6 bytes). (default: 25)
        photos: photos per request. (default: 32)
        max_photos_in_memory: photos in memory at once: being received, waiting or being captioned. (default: 128)
        memory_mb: size of their files together, megabytes. (default: 1000)
        seconds: time for a request to arrive, seconds; until then its reservation is held. (default: 60)
        megapixels: decoded size of a photo, as for `PhotoLimits`. (default: 25)
        decoding_seconds: time to decode a photo, seconds. (default: 10)
    """

    photo_mb: int = 25
    photos: int = 32
    max_photos_in_memory: int = 128
    memory_mb: int = 1000
    seconds: int = 60
    megapixels: float = 25.0
    decoding_seconds: int = 10

    @property
    def decoding_mb(self) -> int:
        """Memory to decode a photo, megabytes (10^6 bytes). HEIC takes 12 bytes per pixel."""
        return max(600, round(20 * self.megapixels))

    @property
    def photo_bytes(self) -> int:
        """Size of a photo's file, bytes."""
        return self.photo_mb * 1_000_000

    @property
    def memory_bytes(self) -> int:
        """Size of all photos' files together, bytes."""
        return self.memory_mb * 1_000_000


DEFAULTS = Limits()
