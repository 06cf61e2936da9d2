"""Thumbnails: photos as small upright JPEGs in data URIs."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from polycap.errors import PhotoError
from polycap.photos.formats import open_photo, pixels_of, upright_size
from polycap.photos.limits import PhotoLimits
from polycap.photos.quiet import quiet_pillow

__all__ = ["Thumbnail", "thumbnail"]

MAX_SIDE = 640
"""Maximum pixels of the longer side."""


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail.

    Attributes:
        source: data URI.
        width, height: size in pixels.
    """

    source: str
    width: int
    height: int


def thumbnail(name: str, photo: Path | bytes) -> Thumbnail:
    """Make a small upright JPEG of a photo, without metadata, which may contain a location.

    Args:
        name: name of the photo in messages.
        photo: path, or bytes of a file.

    Raises:
        PhotoError: the photo can't be read, or is above the limits of `POLYCAP_MAX_MEGAPIXELS`.
    """
    limits = PhotoLimits.of_environment()
    try:
        with quiet_pillow(), open_photo(photo, MAX_SIDE, limits) as image:
            image.load()
            width, height = upright_size(image)
            scale = min(1.0, MAX_SIDE / max(width, height))
            small = pixels_of(image, (max(1, round(width * scale)), max(1, round(height * scale))))
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: is not an image") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: {limits.too_large()}") from error
    except Exception as error:  # Pillow raises errors of many types on broken files
        raise PhotoError(f"{name}: can't be shown ({error})") from error
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82, optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Thumbnail(f"data:image/jpeg;base64,{encoded}", small.width, small.height)
