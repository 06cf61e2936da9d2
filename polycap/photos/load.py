"""Decoding of photos to the square RGB arrays that the encoder takes."""

from os import PathLike
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from polycap.errors import PhotoError, reason_of
from polycap.photos.formats import open_photo, pixels_of
from polycap.photos.limits import PhotoLimits
from polycap.photos.name import PhotoBytes, photo_name
from polycap.photos.quiet import quiet_pillow

__all__ = ["ArrayLike", "OpenFile", "PhotoBytes", "Photograph", "hold_photo", "is_photo", "load_photo"]


class OpenFile(Protocol):
    """A file that is open for reading, in binary mode."""

    def read(self) -> bytes: ...


class ArrayLike(Protocol):
    """An array of another library, such as a tensor of PyTorch, JAX or TensorFlow."""

    @property
    def ndim(self) -> int: ...

    def __array__(self) -> Any: ...


Photograph: TypeAlias = (
    str
    | PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | PhotoBytes
    | OpenFile
    | Image.Image
    | NDArray[np.uint8]
    | ArrayLike
)

_KINDS = "a path, a file's bytes, an open file, a Pillow image or an array"


def is_photo(value: object) -> bool:
    """Return whether a value is one photo rather than an iterable of photos."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "OSU" and value.ndim < 4
    if isinstance(value, str | bytes | bytearray | memoryview | PathLike | PhotoBytes | Image.Image):
        return True
    return hasattr(value, "read") or (hasattr(value, "__array__") and getattr(value, "ndim", 0) in (2, 3))


def hold_photo(photo: Photograph) -> Photograph:
    """Return a photo that stays as it is: an open file's bytes, and a copy of bytes that can be changed.

    A photo that can't be read is returned as it is, for `load_photo` to report.
    """
    if isinstance(photo, bytearray | memoryview):
        return bytes(photo)
    if isinstance(photo, PathLike) or not hasattr(photo, "read"):
        return photo
    try:
        data = photo.read()
    except (OSError, ValueError):  # ValueError: it is closed
        return photo
    name = getattr(photo, "name", None)
    return PhotoBytes(name if isinstance(name, str) else "file", data) if isinstance(data, bytes) else photo


def load_photo(photo: Photograph, size: int, limits: PhotoLimits | None = None) -> NDArray[np.uint8]:
    """Decode a photo to RGB, upright, resized to a square without cropping.

    Greyscale, palette, alpha (on white), CMYK, 16-bit, EXIF-rotated and animated (first frame) images are supported.

    Args:
        photo: path, bytes of a file, open file, Pillow image, or array or tensor of RGB or RGBA pixels or greys,
            `(height, width)` or `(height, width, 3 or 4) uint8`.
        size: side of the result in pixels.
        limits: limits of the photo. (default: those of `POLYCAP_MAX_MEGAPIXELS`)

    Returns:
        `(size, size, 3) uint8`.

    Raises:
        PhotoError: the file does not exist, is not an image, is truncated, or is above the limits.
        PolycapError: `POLYCAP_MAX_MEGAPIXELS` is not a number above 0.
    """
    limits = limits or PhotoLimits.of_environment()
    photo = hold_photo(photo)
    name = photo_name(photo)
    try:
        with quiet_pillow():
            return _decode(photo, size, limits)
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


def _decode(photo: Photograph, size: int, limits: PhotoLimits) -> NDArray[np.uint8]:
    if isinstance(photo, str | PathLike | bytes | PhotoBytes):
        with open_photo(photo.data if isinstance(photo, PhotoBytes) else photo, 2 * size, limits) as image:
            return _square(image, size)
    if hasattr(photo, "read"):
        raise PhotoError(f"{type(photo).__name__}: an open file that gives no bytes; open it in binary mode")
    image = photo if isinstance(photo, Image.Image) else _from_array(photo)
    limits.check_image(image)
    return _square(image, size)


def _from_array(photo: object) -> Image.Image:
    if not isinstance(photo, np.ndarray) and not hasattr(photo, "__array__"):
        raise PhotoError(f"{type(photo).__name__}: is no photo; give {_KINDS}")
    array = np.asarray(photo)
    shape = array.shape
    if array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))):
        return Image.fromarray(array)
    expected = "expected (height, width) or (height, width, 3 or 4) uint8, RGB"
    advice = ""
    if array.ndim == 3 and shape[0] in (1, 3, 4) and shape[2] not in (3, 4):
        advice += "; its channels come first: array.transpose(1, 2, 0)" if shape[0] > 1 else "; take array[0]"
    if array.dtype.kind == "f":
        advice += '; of values from 0 to 1, make (array * 255).round().astype("uint8")'
    raise PhotoError(f"array of shape {shape} and dtype {array.dtype}; {expected}{advice}")


def _square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    return np.asarray(pixels_of(image, (size, size)), dtype=np.uint8)
