"""A photo as a small upright JPEG in a data URI."""

import base64
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from polycap.errors import PhotoError
from polycap.photos.formats import open_photo, pixels_of, upright_size
from polycap.photos.limits import PhotoLimits

__all__ = ["Thumbnail", "thumbnail"]

MAX_SIDE = 640
"""The longer side of an embedded photo, in pixels, at most."""


@dataclass(frozen=True)
class Thumbnail:
    """A photo made small: a data URI, and its size in pixels."""

    source: str
    width: int
    height: int


def thumbnail(name: str, photo: Path | bytes) -> Thumbnail:
    """The photo as a small upright JPEG without metadata (which may hold a place).

    Raises:
        PhotoError: it can't be read, or is above the limits of `POLYCAP_MAX_MEGAPIXELS`.
    """
    limits = PhotoLimits.of_environment()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata; what can't be decoded raises
    try:
        with open_photo(photo, MAX_SIDE, limits) as image:
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
    except Exception as error:  # Pillow raises anything on a broken file
        raise PhotoError(f"{name}: can't be shown ({error})") from error
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82, optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Thumbnail(f"data:image/jpeg;base64,{encoded}", small.width, small.height)
