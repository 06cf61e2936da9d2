"""Photo files: which are taken for photos, how they are opened, and what they look like on white."""

from functools import cache
from os import PathLike
from typing import IO

import numpy as np
from PIL import ExifTags, Image

__all__ = ["PHOTO_SUFFIXES", "open_photo", "to_rgb", "upright"]

# What Pillow may open as a photo: not EPS, for one, which would run Ghostscript on a stranger's program.
# MPO, of cameras with two lenses, comes as JPEG; Pillow knows no reader of that name.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM", "ICO")

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
"""The names of photos in a folder, in lower case."""


# What makes a photo upright, by its EXIF orientation; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_photo(source: str | PathLike[str] | IO[bytes]) -> Image.Image:
    """A photo's header; its pixels are decoded on use. To be used as `Image.open`, which raises what is wrong."""
    _learn_heif()
    return Image.open(source, formats=_FORMATS)


@cache
def _learn_heif() -> None:
    """HEIC is what many telephones make, and Pillow can't read it by itself."""
    from pillow_heif import register_heif_opener  # here: it is large, and seldom needed before a photo is

    register_heif_opener(thumbnails=False)


def upright(image: Image.Image) -> Image.Image:
    """`image` as its EXIF orientation says, if that can be read."""
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow raises anything on broken metadata; the pixels may be whole
        turn = None
    return image if turn is None else image.transpose(turn)


def to_rgb(image: Image.Image) -> Image.Image:
    """`image` as RGB: transparency laid on white, greys of more than 8 bits scaled."""
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bit(image).convert("RGB")
    if image.has_transparency_data:
        overlay = image.convert("RGBA")
        white = Image.new("RGBA", overlay.size, "white")
        return Image.alpha_composite(white, overlay).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """16- and 32-bit greyscale, scaled to 0–255; Pillow's own conversion would clip it to white."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    top = 65535.0
    if not image.mode.startswith("I;16"):  # 32-bit numbers don't say what white is: guess from the largest
        largest = float(values.max(initial=0.0))
        limits = [1.0, 255.0, 65535.0] if image.mode == "F" else [255.0, 65535.0]
        top = next((limit for limit in limits if largest <= limit), largest)
    return Image.fromarray((values / top * 255).clip(0, 255).astype(np.uint8))
