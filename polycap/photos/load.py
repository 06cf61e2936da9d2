"""Decoding of photos to the square RGB arrays that the encoder takes."""

import warnings
from dataclasses import dataclass
from os import PathLike
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from polycap.errors import PhotoError, reason_of
from polycap.photos.formats import open_photo, pixels_of
from polycap.photos.limits import PhotoLimits

__all__ = ["PhotoBytes", "Photograph", "load_photo"]


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


Photograph: TypeAlias = str | PathLike[str] | bytes | PhotoBytes | Image.Image | NDArray[np.uint8]


def load_photo(photo: Photograph, size: int, limits: PhotoLimits | None = None) -> NDArray[np.uint8]:
    """Decode a photo to RGB, upright, resized to a square without cropping.

    Greyscale, palette, alpha (on white), CMYK, 16-bit, EXIF-rotated and animated (first frame) images are supported.

    Args:
        photo: path, bytes of a file, Pillow image, or array `(height, width)` or `(height, width, 3 or 4) uint8`.
        size: side of the result in pixels.
        limits: limits of the photo. (default: those of `POLYCAP_MAX_MEGAPIXELS`)

    Returns:
        `(size, size, 3) uint8`.

    Raises:
        PhotoError: the file does not exist, is not an image, is truncated, or is above the limits.
        PolycapError: `POLYCAP_MAX_MEGAPIXELS` is not a number above 0.
    """
    limits = limits or PhotoLimits.of_environment()
    # Pillow warns of odd metadata, and of decompression bombs, which are rejected below. Photos are decoded in threads,
    # and overlapping calls of `warnings.catch_warnings` restore the wrong filters; a filter for Pillow alone is safe.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if isinstance(photo, bytes):
        photo = PhotoBytes("image", photo)
    name = "image" if isinstance(photo, Image.Image | np.ndarray) else str(photo)
    try:
        if isinstance(photo, Image.Image | np.ndarray):
            image = photo if isinstance(photo, Image.Image) else _from_array(photo)
            limits.check_image(image)
            return _square(image, size)
        with open_photo(photo.data if isinstance(photo, PhotoBytes) else photo, 2 * size, limits) as image:
            return _square(image, size)
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise PhotoError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise PhotoError(f"{name}: is a folder, not a photo") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: is not an image that Pillow can read") from error
    except Image.DecompressionBombError as error:  # Pillow raises it before `limits` are checked
        raise PhotoError(f"{name}: {limits.too_large()}") from error
    except MemoryError as error:
        raise PhotoError(f"{name}: decoding it takes more memory than there is; make it smaller") from error
    except OSError as error:
        reason = f"read ({error.strerror})" if error.strerror else f"decoded ({reason_of(error)})"
        raise PhotoError(f"{name}: can't be {reason}") from error
    except Exception as error:  # decoders raise errors of many types on broken files
        raise PhotoError(f"{name}: can't be decoded ({reason_of(error)})") from error


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise PhotoError(
            f"array of shape {array.shape} and dtype {array.dtype}; expected (height, width) or "
            "(height, width, 3 or 4) uint8"
        )
    return Image.fromarray(array)


def _square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    return np.asarray(pixels_of(image, (size, size)), dtype=np.uint8)
