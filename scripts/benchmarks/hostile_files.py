"""Images for `scripts/bench hostile`: photos of 12 to 250 megapixels, and files that declare or hide much more."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["HOSTILE", "PHOTOS"]

Make = Callable[[Path], None]
SIZES = {12: (4000, 3000), 24: (6000, 4000), 50: (8660, 5773), 58: (9300, 6200), 249: (19200, 12970)}
"""Megapixels to width and height."""


def photo(megapixels: int, kind: str, path: Path, mode: str = "RGB", **options: Any) -> None:
    """Draw a scene with grain, which compresses as a photo does."""
    scene = Image.open(Path(__file__).parents[2] / "polycap" / "photos" / "pictures" / "dog.jpg")
    width, height = SIZES[megapixels]
    pixels = np.asarray(scene.resize((width, height)))
    image = Image.new("RGB", (width, height))
    grain = np.random.default_rng(0).integers(-4, 5, (512, width, 1), dtype=np.int16)
    for top in range(0, height, 512):
        rows = pixels[top : top + 512]
        image.paste(Image.fromarray((rows + grain[: len(rows)]).clip(0, 255).astype(np.uint8)), (0, top))
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize((width, height)))
    if kind == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    image.convert(mode).save(path, kind, **options)


SHOWN = {"progressive", "subsampling", "lossless", "compression"}
_PHOTOS: list[tuple[int, str, dict[str, Any]]] = [
    *((size, "JPEG", {}) for size in SIZES),
    (50, "JPEG", {"progressive": True}),
    (58, "JPEG", {"progressive": True}),
    (50, "JPEG", {"progressive": True, "subsampling": 0}),
    *((size, "PNG", {"compress_level": 1}) for size in (12, 24, 50)),
    *((size, "WEBP", {"method": 0}) for size in (12, 24, 50)),
    *((size, "WEBP", {"method": 0, "lossless": True}) for size in (24, 50)),
    (50, "HEIF", {"enc_params": {"preset": "ultrafast"}}),
    (50, "TIFF", {}),
    (50, "TIFF", {"compression": "tiff_lzw"}),
]
PHOTOS: dict[str, Make] = {
    " ".join([f"{size} MP {kind}", *sorted(options.keys() & SHOWN)]): partial(photo, size, kind, **options)
    for size, kind, options in _PHOTOS
}
PHOTOS["50 MP PNG RGBA"] = partial(photo, 50, "PNG", mode="RGBA", compress_level=1)
PHOTOS["50 MP WEBP RGBA"] = partial(photo, 50, "WEBP", mode="RGBA", method=0)
PHOTOS["50 MP JPEG CMYK"] = partial(photo, 50, "JPEG", mode="CMYK")
PHOTOS["24 MP JPEG 2000"] = partial(photo, 24, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[20])
PHOTOS["24 MP AVIF"] = partial(photo, 24, "AVIF", speed=10)


def webp_header(path: Path) -> None:
    """Write a lossless WebP of 34 bytes, in which no pixel takes a bit."""
    side = 13_376
    bits, count = 0, 0
    for value, width in [(side - 1, 14), (side - 1, 14), (1, 1), (0, 3), (0, 3), *[(1, 4)] * 5]:
        bits |= value << count
        count += width
    body = b"\x2f" + bits.to_bytes(13, "little")
    path.write_bytes(b"RIFF" + struct.pack("<I", 26) + b"WEBPVP8L" + struct.pack("<I", 14) + body)


def png(path: Path, width: int, height: int, depth: int = 8, colours: int = 6, interlaced: int = 0) -> None:
    """Return a black or transparent image."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colours]
    left, packer = (width * channels * depth // 8 + 1 + 2 * interlaced) * height, zlib.compressobj(9)
    data = bytearray()
    while left:
        part = min(left, 1 << 24)
        data += packer.compress(bytes(part))
        left -= part
    data += packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlaced)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", bytes(data)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def jpeg_scans(path: Path, scans: int, size: tuple[int, int] = (3000, 2000)) -> None:
    """Write a progressive JPEG whose last scan is repeated many times."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "grey").save(buffer, "JPEG", progressive=True, quality=20)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    path.write_bytes(data[:last] + data[last:-2] * scans + data[-2:])


def plain(path: Path, kind: str, size: tuple[int, int], mode: str = "L", **options: Any) -> None:
    """Return an image of one colour, which compresses to almost nothing."""
    if kind == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    Image.new(mode, size).save(path, kind, **options)


def tiff_tile(path: Path, side: int = 20_000) -> None:
    """Write a TIFF of 8 × 8 pixels in one deflated tile of that side."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(side * 100)) for _ in range(side * 4 // 100)) + packer.flush()
    tags = [(256, 4, 8), (257, 4, 8), (258, 3, 8), (259, 3, 8), (262, 3, 2), (277, 3, 4), (338, 3, 2), (322, 4, side)]
    tags += [(323, 4, side), (324, 4, 8), (325, 4, len(data))]
    tags.sort()
    offset = 8 + len(data)
    place = offset + 2 + 12 * len(tags) + 4
    entries = b""
    for tag, kind, value in tags:
        if tag == 258:
            entries += struct.pack("<HHII", tag, 3, 4, place)
        else:
            entries += struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value)
    end = struct.pack("<H", len(tags)) + entries + bytes(4) + struct.pack("<4H", 8, 8, 8, 8)
    path.write_bytes(b"II*\0" + struct.pack("<I", offset) + data + end)


def ico(path: Path, side: int = 13_000) -> None:
    """Write an icon that declares 256 × 256 pixels, with a PNG of many more."""
    png(path, side, side)
    data = path.read_bytes()
    path.write_bytes(struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(data), 22) + data)


def animation(path: Path, side: int = 7000) -> None:
    """Write an animation of two frames, of which the first is decoded."""
    frames = [Image.new("RGBA", (side, side), colour) for colour in ("red", "blue")]
    frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:], method=0, lossless=True)


def ppm_comments(path: Path) -> None:
    """Write a plain PPM of comments."""
    path.write_bytes(b"P3 64 64 255\n" + b"#\n" * 200_000)


def bmp_runs(path: Path, side: int = 7000) -> None:
    """Write a BMP of runs of one pixel."""
    body = b"\0\0" * side
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(body), 0, 0, 256, 0)
    palette = b"".join(bytes([255 - i, i, i, 0]) for i in range(256))
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54 + 1024 + len(body), 0, 0, 54 + 1024) + header + palette + body)


def tiff_strips(path: Path, count: int = 1_000_000) -> None:
    """Write a TIFF of 8 × 8 pixels in a million strips."""
    offsets = struct.pack("<I", 8) * count
    tags = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, count, 72), (278, 4, 1, 1), (279, 4, count, 72)]
    place = 72 + len(offsets)
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    end = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", place) + bytes(64) + offsets + end)


HOSTILE: dict[str, Make] = {
    "WebP of 34 bytes": webp_header,
    "JPEG 2000 of 13k x 13k": partial(plain, kind="JPEG2000", size=(13_300, 13_300)),
    "JPEG 2000 of 7k x 7k": partial(plain, kind="JPEG2000", size=(7000, 7000), mode="RGB"),
    "JPEG 2000 of 3.4k x 3.4k, small blocks": partial(
        plain, kind="JPEG2000", size=(3400, 3400), mode="RGBA", codeblock_size=(4, 4)
    ),
    "PNG of 1 x 178M": partial(png, width=1, height=178_000_000),
    "PNG of 178M x 1": partial(png, width=178_000_000, height=1),
    "PNG of 13k x 13k": partial(png, width=13_300, height=13_300),
    "PNG of 7k x 7k, 16 bit, interlaced": partial(png, width=7000, height=7000, depth=16, interlaced=1),
    "PNG of 7k x 7k, 16 bit": partial(png, width=7000, height=7000, depth=16),
    "JPEG of 1,000 scans": partial(jpeg_scans, scans=1000),
    "JPEG of 3,000 scans": partial(jpeg_scans, scans=3000),
    "JPEG of 90 scans, 3 MP": partial(jpeg_scans, scans=80, size=(2100, 1400)),
    "JPEG of 58 MP, 16 scans": partial(jpeg_scans, scans=7, size=(9300, 6200)),
    "GIF of 13k x 13k": partial(plain, kind="GIF", size=(13_300, 13_300)),
    "GIF of 7k x 7k": partial(plain, kind="GIF", size=(7000, 7000), transparency=0),
    "TIFF of 13k x 13k": partial(
        plain, kind="TIFF", size=(13_300, 13_300), mode="RGBA", compression="tiff_adobe_deflate"
    ),
    "TIFF of 7k x 7k, float": partial(
        plain, kind="TIFF", size=(7000, 7000), mode="F", compression="tiff_adobe_deflate"
    ),
    "TIFF of one tile of 20k x 20k": tiff_tile,
    "TIFF of a million strips": tiff_strips,
    "WebP of 7k x 7k, animated": animation,
    "AVIF of 13k x 13k": partial(plain, kind="AVIF", size=(13_300, 13_300), mode="RGB", speed=10),
    "AVIF of 7k x 7k": partial(plain, kind="AVIF", size=(7000, 7000), mode="RGB", speed=10),
    "HEIF of 11k x 11k": partial(
        plain, kind="HEIF", size=(11_000, 11_000), mode="RGB", enc_params={"preset": "ultrafast"}
    ),
    "ICO of 13k x 13k": ico,
    "PPM of comments": ppm_comments,
    "BMP of 7k x 7k, runs": bmp_runs,
}
