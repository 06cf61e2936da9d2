"""Formats of photos: file names, opening, and conversion of the pixels: upright, RGB, on white, resized."""

import contextlib
import io
import mmap
import struct
from collections.abc import Callable, Iterator
from functools import cache
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile, jpeg_factory

from polycap.photos.headers import Bytes
from polycap.photos.jxl import is_jxl, open_jxl
from polycap.photos.limits import PhotoLimits
from polycap.photos.png import png_without_metadata
from polycap.photos.raw import is_raw, raw_preview
from polycap.photos.suffixes import FORMATS
from polycap.photos.webp import decode_webp

__all__ = ["PhotoSource", "open_photo", "pixels_of", "upright_size"]

PhotoSource: TypeAlias = "str | PathLike[str] | bytes"

_PLAIN_MODES = {"L", "RGB", "RGBX"}
"""Modes that can be converted to RGB after resizing."""
_SMALL, _STRIP_PIXELS = 8_000_000, 1 << 20
"""Maximum pixels of a photo that is converted as a whole, and pixels of a strip of a larger one."""

_LARGE = 25_000_000
"""Pixels above which a photo of two pictures (MPO) is decoded at a smaller size, as a JPEG of any size is."""

_STRAY = 0.01
"""Share of the pixels of a 32-bit image that may lie outside its range, such as one of 1.004 among 0 to 1."""

_Transpose = Image.Transpose
# Transpositions that make a photo upright, by its EXIF orientation; 1 is upright.
_TURNS = {
    2: _Transpose.FLIP_LEFT_RIGHT,
    3: _Transpose.ROTATE_180,
    4: _Transpose.FLIP_TOP_BOTTOM,
    5: _Transpose.TRANSPOSE,
    6: _Transpose.ROTATE_270,
    7: _Transpose.TRANSVERSE,
    8: _Transpose.ROTATE_90,
}
_ON_THE_SIDE = {_Transpose.TRANSPOSE, _Transpose.ROTATE_270, _Transpose.TRANSVERSE, _Transpose.ROTATE_90}
_FROM_THE_END = {_Transpose.ROTATE_180, _Transpose.FLIP_TOP_BOTTOM, _Transpose.TRANSVERSE, _Transpose.ROTATE_90}
"""Transpositions whose first row is the stored photo's last row or column."""


@contextlib.contextmanager
def open_photo(source: PhotoSource, side: int, limits: PhotoLimits) -> Iterator[Image.Image]:
    """Open a photo, if its decoding is within limits. Its pixels are decoded on use.

    Args:
        source: path or bytes of a file.
        side: minimum side in pixels of a photo that is decoded at 1/2, 1/4 or 1/8 of its size: a JPEG always, a JPEG
            2000 if it would take too much memory.
        limits: limits of the work of decoding.

    Raises:
        PhotoError: the photo is above the limits.
        OSError: as by `PIL.Image.open`; `UnidentifiedImageError` if the file is not an image.
    """
    orientation = 1
    with _contents(source) as data:
        if is_raw(data, "" if isinstance(source, bytes) else Path(source).suffix):
            inner, orientation = raw_preview(data, limits)
            image = inner if isinstance(inner, Image.Image) else _open_file(inner, inner, side, limits)
        elif is_jxl(data):
            image = open_jxl(data, limits)
        elif plain := png_without_metadata(data):
            image = _open_file(plain, plain, side, limits)
        else:
            image = _open_file(source, data, side, limits)
    with image:
        if orientation > 1:
            image.getexif().setdefault(ExifTags.Base.Orientation, orientation)
        limits.check_image(image)
        yield image


@contextlib.contextmanager
def _contents(source: PhotoSource) -> Iterator[Bytes]:
    """Yield the file's bytes, by a memory map if possible."""
    if isinstance(source, bytes):
        yield source
        return
    with open(source, "rb") as file:  # noqa: PTH123
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # an empty file, or a file system without memory maps
            yield file.read()
            return
        with mapped:
            yield mapped


def _open_file(source: PhotoSource, data: Bytes, side: int, limits: PhotoLimits) -> Image.Image:
    """Open a file of Pillow's formats, or decode a large WebP, if it is within limits; `data` is its content."""
    halved = limits.check_file(data, side)
    image = decode_webp(data) or _open(source, data[:3] == b"\xff\xd8\xff")
    if halved:
        _halve(image, halved)
    if isinstance(image, JpegImageFile) and (image.format == "JPEG" or image.width * image.height > _LARGE):
        image.draft("RGB", (side, side))
    return image


def _open(source: PhotoSource, is_jpeg: bool) -> Image.Image:
    _register_heif()
    file = io.BytesIO(source) if isinstance(source, bytes) else fspath(source)
    if not is_jpeg:
        return Image.open(file, formats=tuple(FORMATS))
    try:  # not `Image.open`, which rejects large JPEGs also if they will be decoded at a smaller size
        return jpeg_factory(file)  # type: ignore[arg-type]
    except (SyntaxError, IndexError, TypeError, struct.error) as error:
        raise UnidentifiedImageError("cannot identify image file") from error


def _halve(image: Image.Image, times: int) -> None:
    """Set a JPEG 2000 to be decoded at 1/2, 1/4 or 1/8 of its size."""
    # Pillow rounds the sides to the nearest pixel, its decoder rounds up; for multiples they agree.
    image._size = tuple(-(-side >> times) << times for side in image.size)  # type: ignore[assignment]
    image.reduce = times  # type: ignore[method-assign, assignment]


@cache
def _register_heif() -> None:
    """Register a decoder of HEIC, the format of many telephones, which Pillow can't read by itself."""
    from pillow_heif import register_heif_opener  # imported here: it is large

    register_heif_opener(thumbnails=False)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of a loaded image after the turn of its EXIF orientation, in pixels."""
    width, height = image.size
    return (height, width) if _turn(image) in _ON_THE_SIDE else (width, height)


def pixels_of(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Convert an image to RGB, upright, on white, greys of more than 8 bits scaled; resize it to `size`, uncropped.

    Strips of a megapixel of a large photo are converted and narrowed one by one, without a copy of the whole. Pillow
    resizes rows first, too, except in photos that are much higher than wide: their pixels differ by about 1 of 255.
    """
    image.load()  # also turns a TIFF upright and removes its orientation
    turn, (width, height) = _turn(image), upright_size(image)
    if turn is None and image.mode in _PLAIN_MODES and not image.has_transparency_data:
        return image.resize(size, Image.Resampling.BICUBIC).convert("RGB")
    to_rgb = _converter(image)
    if width * height <= _SMALL:
        return to_rgb(image if turn is None else image.transpose(turn)).resize(size, Image.Resampling.BICUBIC)
    count = max(1, _STRIP_PIXELS // width)
    narrow = Image.new("RGB", (size[0], height))
    for top, bottom in ((top, min(top + count, height)) for top in range(0, height, count)):
        rows = image.crop(_stored_box(image.size, turn, top, bottom))
        rows = rows if turn is None else rows.transpose(turn)
        narrow.paste(to_rgb(rows).resize((size[0], bottom - top), Image.Resampling.BICUBIC), (0, top))
    return narrow.resize(size, Image.Resampling.BICUBIC)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return the transposition that makes `image` upright; None if it is upright, or its orientation is unreadable."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow raises errors of many types on broken metadata; the pixels may be intact
        return None


def _stored_box(
    size: tuple[int, int], turn: Image.Transpose | None, top: int, bottom: int
) -> tuple[int, int, int, int]:
    """Return the box of the stored photo that contains rows `top` to `bottom` of the upright one."""
    width, height = size
    length = width if turn in _ON_THE_SIDE else height
    if turn in _FROM_THE_END:
        top, bottom = length - bottom, length - top
    return (top, 0, bottom, height) if turn in _ON_THE_SIDE else (0, top, width, bottom)


def _converter(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Return a function that converts strips of `image` to RGB."""
    if image.mode.startswith("I") or image.mode == "F":
        black, white = _range(image)
        return lambda rows: _eight_bit(rows, black, white).convert("RGB")
    if image.has_transparency_data:
        return _on_white
    return lambda rows: rows.convert("RGB")


def _on_white(rows: Image.Image) -> Image.Image:
    overlay = rows.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", overlay.size, "white"), overlay).convert("RGB")


def _range(image: Image.Image) -> tuple[float, float]:
    """Return the values of black and white; in 32-bit images they are guessed, and a few stray pixels don't count."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    width, height = image.size
    count = max(1, _STRIP_PIXELS // width)
    limits = [1.0, 255.0, 65535.0] if image.mode == "F" else [255.0, 65535.0]
    lowest, largest, negative, above = 0.0, 0.0, 0, np.zeros(len(limits), dtype=np.int64)
    for top in range(0, height, count):
        values = _finite(image.crop((0, top, width, min(top + count, height))))
        lowest, largest = min(lowest, float(values.min())), max(largest, float(values.max()))
        negative += int((values < 0).sum())
        above += [int((values > limit).sum()) for limit in limits]
    stray = _STRAY * width * height
    white = next((limit for limit, pixels in zip(limits, above, strict=True) if pixels <= stray), largest)
    return (lowest if negative > stray else 0.0), white


def _finite(rows: Image.Image) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(rows, dtype=np.float32), posinf=0.0, neginf=0.0)


def _eight_bit(rows: Image.Image, black: float, white: float) -> Image.Image:
    """Scale 16- and 32-bit greyscale to 0–255; Pillow's own conversion would clip it to white."""
    return Image.fromarray(((_finite(rows) - black) / (white - black) * 255).clip(0, 255).astype(np.uint8))
