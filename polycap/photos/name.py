"""Photos in memory with a name, and the names of photos in messages. Does not import Pillow."""

from dataclasses import dataclass
from os import PathLike

__all__ = ["PhotoBytes", "photo_name"]


@dataclass(frozen=True)
class PhotoBytes:
    """An image file in memory, such as an upload.

    Attributes:
        name: name of the file in messages and results.
        data: bytes of the file.
    """

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name


def photo_name(photo: object) -> str:
    """Return the name of a photo in messages and results: a path, or "image" for pixels and bytes without a name."""
    return str(photo) if isinstance(photo, str | PathLike | PhotoBytes) else "image"
