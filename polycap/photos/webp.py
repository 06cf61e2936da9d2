"""Decoding of large WebP photos by libwebp.

Pillow reads every WebP as an animation, which takes 16 bytes per pixel; libwebp's plain decoder takes 4. libwebp is
called through Pillow's extension, which is linked with it. If the linker hides its symbols (Windows), Pillow decodes.
"""

import ctypes
from functools import cache

import numpy as np
from PIL import Image

from polycap.machine.private_apis import pillow_webp_extension
from polycap.photos.headers import Bytes, webp_header

__all__ = ["decode_webp", "has_libwebp"]

_SMALL = 4_000_000
"""Maximum pixels of a photo that Pillow decodes."""

_HALVED = 25_000_000
"""Pixels above which a lossless photo, or one with alpha, is decoded at half its size: its decoding takes 8 bytes per
pixel. Each pixel is the mean of four. A square of 299 pixels then differs by 0.07 of 255 on average, by 1 at most."""

_ABI = 0x0209
"""Version of libwebp's decoder interface; the same major version, 2, has the same structures."""
_RGBA = 1


class _Features(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_int) for name in ("width", "height", "has_alpha", "has_animation", "format")],
        ("pad", ctypes.c_uint32 * 5),
    ]


class _Rows(ctypes.Structure):
    _fields_ = [("place", ctypes.c_void_p), ("stride", ctypes.c_int), ("size", ctypes.c_size_t)]


class _Planes(ctypes.Structure):
    _fields_ = [
        ("places", ctypes.c_void_p * 4),
        ("strides", ctypes.c_int * 4),
        ("sizes", ctypes.c_size_t * 4),
    ]


class _Pixels(ctypes.Union):
    _fields_ = [("rows", _Rows), ("planes", _Planes)]


class _Buffer(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_int) for name in ("colorspace", "width", "height", "is_external_memory")],
        ("pixels", _Pixels),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    ]


class _Options(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_int) for name in ("bypass_filtering", "no_fancy_upsampling", "use_cropping")],
        ("crop", ctypes.c_int * 4),
        *[(name, ctypes.c_int) for name in ("use_scaling", "scaled_width", "scaled_height")],
        *[(name, ctypes.c_int) for name in ("use_threads", "dithering", "flip", "alpha_dithering")],
        ("pad", ctypes.c_uint32 * 5),
    ]


class _Config(ctypes.Structure):
    _fields_ = [("input", _Features), ("output", _Buffer), ("options", _Options)]


@cache
def _library() -> ctypes.CDLL | None:
    extension = pillow_webp_extension()
    if extension is None:
        return None
    try:
        library = ctypes.CDLL(extension)  # finds what the extension is linked with, too
        _ = library.WebPDecode, library.WebPGetFeaturesInternal, library.WebPInitDecoderConfigInternal
    except (OSError, AttributeError):
        return None
    return library


def has_libwebp() -> bool:
    """Return whether libwebp can be reached."""
    return _library() is not None


def decode_webp(data: Bytes) -> Image.Image | None:
    """Decode a large WebP that is no animation; return None for files that Pillow should decode.

    Args:
        data: content of the file.

    Raises:
        OSError: libwebp can't decode it.
    """
    header, library = webp_header(data), _library()
    if header is None or header.animated or header.width * header.height <= _SMALL or library is None:
        return None
    config = _Config()
    if not library.WebPInitDecoderConfigInternal(ctypes.byref(config), _ABI):
        return None
    source = np.frombuffer(data, np.uint8)
    arguments = ctypes.c_void_p(source.ctypes.data), ctypes.c_size_t(source.size)
    _check(library.WebPGetFeaturesInternal(*arguments, ctypes.byref(config.input), _ABI))
    width, height = config.input.width, config.input.height
    if (width, height) != (header.width, header.height):
        raise OSError(f"{width}×{height} pixels, not {header.width}×{header.height} as its header has it")
    takes_twice = header.lossless or config.input.has_alpha
    if takes_twice and width * height > _HALVED:
        width, height = (width + 1) // 2, (height + 1) // 2
        config.options.use_scaling, config.options.scaled_width, config.options.scaled_height = 1, width, height
    pixels = np.empty((height, width, 4), np.uint8)
    config.output.colorspace, config.output.is_external_memory = _RGBA, 1
    config.output.pixels.rows = _Rows(pixels.ctypes.data, 4 * width, pixels.nbytes)
    _check(library.WebPDecode(*arguments, ctypes.byref(config)))
    mode = "RGBA" if config.input.has_alpha else "RGBX"
    image = Image.frombuffer(mode, (width, height), pixels, "raw", mode, 0, 1)
    if header.exif:
        image.info["exif"] = header.exif
    return image


def _check(status: int) -> None:
    if status:
        raise OSError(f"broken WebP: libwebp's status {status}")
