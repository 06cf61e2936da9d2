"""Photos of any common kind, as the square RGB arrays that the encoder takes."""

import warnings
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from polycap.errors import PhotoError

__all__ = ["MAX_PIXELS", "PHOTO_SUFFIXES", "Photograph", "find_photos", "load_photo"]

Photograph: TypeAlias = "str | PathLike[str] | Image.Image | NDArray[np.uint8]"

MAX_PIXELS = 200_000_000
"""Photos above this many pixels are refused before they are decoded (a decompression bomb)."""

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})


def load_photo(photo: Photograph, size: int) -> NDArray[np.uint8]:
    """Read a photo, upright, as RGB, squashed to a square.

    Greyscale, palette, alpha (laid on white), CMYK, 16-bit, EXIF-rotated and animated (first frame) images work.

    Args:
        photo: a path, a Pillow image, or an array `(height, width)` or `(height, width, 3 or 4) uint8`.
        size: the side of the result in pixels.

    Returns:
        `(size, size, 3) uint8`.

    Raises:
        PhotoError: no such file, not an image, truncated, or above `MAX_PIXELS`.
    """
    if isinstance(photo, Image.Image):
        return _square(photo, size)
    if isinstance(photo, np.ndarray):
        return _square(_from_array(photo), size)
    path = Path(photo)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata and of bombs; bombs are refused below
            with Image.open(path) as image:
                return _square(image, size, name=str(path))
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise PhotoError(f"{path}: is a folder, not a photo") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{path}: is not an image that Pillow can read") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{path}: {error}") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise PhotoError(f"{path}: can't be decoded ({error})") from error


def find_photos(path: Path) -> list[Path]:
    """The photos that `path` names: itself if it is a file, else every photo below the folder, sorted.

    Raises:
        PhotoError: nothing is there, or the folder holds no photo.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise PhotoError(f"{path}: no such file or folder")
    photos = sorted(p for p in path.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES and p.is_file())
    if not photos:
        raise PhotoError(f"{path}: no photo in this folder (looked for {', '.join(sorted(PHOTO_SUFFIXES))})")
    return photos


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise PhotoError(
            f"array of shape {array.shape} and dtype {array.dtype}: expected (height, width) or "
            "(height, width, 3 or 4) uint8"
        )
    return Image.fromarray(array)


def _square(image: Image.Image, size: int, name: str = "image") -> NDArray[np.uint8]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{name}: {width}×{height} pixels is above the limit of {MAX_PIXELS:,}; make it smaller")
    if image.format == "JPEG":
        image.draft("RGB", (2 * size, 2 * size))  # decodes a large JPEG at 1/2, 1/4 or 1/8 of its size
    upright = ImageOps.exif_transpose(image)
    return np.asarray(_rgb(upright).resize((size, size), Image.Resampling.BICUBIC), dtype=np.uint8)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bit(image).convert("RGB")
    if image.has_transparency_data:
        overlay = image.convert("RGBA")
        white = Image.new("RGBA", overlay.size, "white")
        return Image.alpha_composite(white, overlay).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """16- and 32-bit greyscale, scaled to 0–255; Pillow's own conversion would clip it to white."""
    values = np.asarray(image, dtype=np.float32)
    top = 255.0 if values.max(initial=0.0) <= 255 else max(65535.0, float(values.max()))
    return Image.fromarray((values / top * 255).clip(0, 255).astype(np.uint8))
