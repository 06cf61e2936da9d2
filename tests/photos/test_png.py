"""Tests of polycap/photos/png.py: a PNG's texts and profiles do not decide whether its pixels are read."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from photo_checks import RED, SIZE, assert_colour
from polycap.photos.load import load_photo
from polycap.photos.png import png_without_metadata

LARGE = 1 << 21


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


CHUNKS = {
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(LARGE))),
    "packed XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * LARGE)),
    "ICC": chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(LARGE))),
    "70 MB": chunk(b"tEXt", b"Comment\0" + b"x" * 70_000_000),
    "many": 70 * chunk(b"tEXt", b"Comment\0" + b"x" * 1_000_000),
}


def png(extra: bytes, *, at_the_end: bool = False) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 16), "red").save(file, "PNG")
    whole = file.getvalue()
    place = len(whole) - 12 if at_the_end else 33  # before IEND, or after IHDR
    return whole[:place] + extra + whole[place:]


@pytest.mark.parametrize("kind", CHUNKS)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_much_metadata_does_not_cost_a_photo(kind: str, at_the_end: bool) -> None:
    data = png(CHUNKS[kind], at_the_end=at_the_end)
    if not at_the_end:
        with pytest.raises(ValueError, match=r"too large|Too much"), Image.open(io.BytesIO(data)) as image:
            image.load()
    assert_colour(load_photo(data, SIZE), RED)


def test_common_metadata_is_left_as_it_is() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * 5000, zip=True)
    info.add_itxt("XML:com.adobe.xmp", "b" * 5000)
    file = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(file, "PNG", pnginfo=info, icc_profile=bytes(3000))
    assert png_without_metadata(file.getvalue()) is None
    assert png_without_metadata(b"\xff\xd8\xff") is None
