"""Helpers of the tests in tests/photos."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from polycap.errors import PhotoError
from polycap.photos.load import load_photo

SIZE = 8
RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def assert_colour(pixels: NDArray[np.uint8], colour: tuple[int, int, int], within: int = 0) -> None:
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels.dtype == np.uint8
    off = np.abs(pixels.astype(int) - np.array(colour)).max()
    assert off <= within, f"{pixels[0, 0]}, not {colour}"


def error_of(photo: Any) -> str:
    with pytest.raises(PhotoError) as caught:
        load_photo(photo, SIZE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- EXIF ---


def corners(scale: int = 1) -> NDArray[np.uint8]:
    """A wide photo of four colours, in blocks that JPEG keeps: red, green / blue, white."""
    blocks = np.array([[RED, (0, 255, 0)], [(0, 0, 255), WHITE]], dtype=np.uint8)
    return blocks.repeat(16 * scale, axis=0).repeat(32 * scale, axis=1)


def png_header(width: int, height: int) -> bytes:
    """A PNG of 60 bytes that says that it is huge."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
