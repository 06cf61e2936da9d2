"""Photos of any common kind, as the square RGB arrays that the encoder takes."""

import io
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from polycap.errors import PhotoError
from polycap.photos import PHOTO_SUFFIXES, open_photo, to_rgb, upright

__all__ = ["MAX_PIXELS", "PhotoBytes", "Photograph", "find_photos", "load_photo"]


@dataclass(frozen=True)
class PhotoBytes:
    """An image file's bytes, such as somebody sent, and the name that messages and results give it."""

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name


Photograph: TypeAlias = "str | PathLike[str] | bytes | PhotoBytes | Image.Image | NDArray[np.uint8]"

MAX_PIXELS = 178_956_970
"""Photos above this many pixels are refused before they are decoded (a decompression bomb); Pillow's own limit."""


def load_photo(photo: Photograph, size: int) -> NDArray[np.uint8]:
    """Read a photo, upright, as RGB, squashed to a square.

    Greyscale, palette, alpha (laid on white), CMYK, 16-bit, EXIF-rotated and animated (first frame) images work.

    Args:
        photo: a path, a file's bytes, a Pillow image, or an array `(height, width)` or `(height, width, 3 or 4) uint8`.
        size: the side of the result in pixels.

    Returns:
        `(size, size, 3) uint8`.

    Raises:
        PhotoError: no such file, not an image, truncated, or above `MAX_PIXELS`.
    """
    # Pillow warns of odd metadata, and of bombs, which are refused below. Threads decode photos, and
    # `warnings.catch_warnings` restores the wrong filters when they overlap; a filter for Pillow alone is safe.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if isinstance(photo, bytes):
        photo = PhotoBytes("image", photo)
    name = "image" if isinstance(photo, Image.Image | np.ndarray) else str(photo)
    try:
        if isinstance(photo, Image.Image):
            return _square(photo, size)
        if isinstance(photo, np.ndarray):
            return _square(_from_array(photo), size)
        source = io.BytesIO(photo.data) if isinstance(photo, PhotoBytes) else photo
        with open_photo(source) as image:
            return _square(image, size, draft=True)
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise PhotoError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise PhotoError(f"{name}: is a folder, not a photo") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: is not an image that Pillow can read") from error
    except Image.DecompressionBombError as error:  # far above the limit: Pillow itself refuses
        raise PhotoError(f"{name}: is above the limit of {MAX_PIXELS:,} pixels; make it smaller") from error
    except Exception as error:  # what a broken file does to a decoder is not limited to OSError
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotoError(f"{name}: can't be decoded ({reason})") from error


def find_photos(path: Path) -> list[Path]:
    """The photos that `path` names: itself if it is a file, else every photo below the folder, sorted.

    Raises:
        PhotoError: nothing is there, or the folder holds no photo.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        what = "is neither a file nor a folder; save it as a file" if path.exists() else "no such file or folder"
        raise PhotoError(f"{path}: {what}")
    # "._x.jpg" is what macOS leaves beside x.jpg in archives
    named = (p for p in path.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES and p.name[0] != ".")
    photos = sorted(p for p in named if p.is_file())
    if not photos:
        raise PhotoError(f"{path}: no photo in this folder (looked for {', '.join(sorted(PHOTO_SUFFIXES))})")
    return photos


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise PhotoError(
            f"array of shape {array.shape} and dtype {array.dtype}; expected (height, width) or "
            "(height, width, 3 or 4) uint8"
        )
    return Image.fromarray(array)


def _square(image: Image.Image, size: int, draft: bool = False) -> NDArray[np.uint8]:
    width, height = image.size
    if not width * height:
        raise PhotoError(f"{width}×{height}: has no pixels")
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{width}×{height} pixels is above the limit of {MAX_PIXELS:,}; make it smaller")
    if draft and image.format == "JPEG":  # not a caller's image: it would be changed
        image.draft("RGB", (2 * size, 2 * size))  # decodes a large JPEG at 1/2, 1/4 or 1/8 of its size
    image.load()  # turns a TIFF upright, and removes its orientation
    return np.asarray(to_rgb(upright(image)).resize((size, size), Image.Resampling.BICUBIC), dtype=np.uint8)
