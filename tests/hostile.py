"""Small files that ask for much, made byte by byte."""

import io
import struct
import zlib
from typing import Any

from PIL import Image
from pillow_heif import register_heif_opener

__all__ = ["HOSTILE", "jpeg", "jpeg2000", "png", "tiff", "webp"]


def png(width: int, height: int, rows: int = 0, colours: int = 6) -> bytes:
    """A PNG that says how large it is, with that many rows of zeros."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    row = width * (4 if colours == 6 else 1) + 1
    data = zlib.compress(bytes(row * rows), 1)
    header = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def webp(side: int) -> bytes:
    """A whole lossless WebP of 34 bytes: no pixel takes a bit."""
    bits, count = 0, 0
    for value, width in [(side - 1, 14), (side - 1, 14), (1, 1), (0, 3), (0, 3), *[(1, 4)] * 5]:
        bits |= value << count
        count += width
    return b"RIFF" + struct.pack("<I", 26) + b"WEBPVP8L" + struct.pack("<I", 14) + b"\x2f" + bits.to_bytes(13, "little")


def animated_webp(side: int) -> bytes:
    sides = (side - 1).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + sides


def jpeg(width: int, height: int, scans: int = 0, *, components: int = 1) -> bytes:
    """A grey JPEG of two bits a block, or a progressive one whose scans have one."""

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    ids = range(1, components + 1)
    code = bytes([1, *[0] * 15, 0])  # one bit, 0, for nothing
    start = b"\xff\xd8" + segment(0xDB, bytes(1) + bytes([1] * 64)) + segment(0xC4, b"\0" + code + b"\x10" + code)
    frame = struct.pack(">BHHB", 8, height, width, components) + b"".join(bytes([i, 0x11, 0]) for i in ids)
    blocks = -(-width // 8) * -(-height // 8)
    if not scans:
        scan = segment(0xDA, bytes([components, *(x for i in ids for x in (i, 0)), 0, 63, 0]))
        return start + segment(0xC0, frame) + scan + bytes(-(-2 * components * blocks // 8)) + b"\xff\xd9"
    first = segment(0xDA, bytes([components, *(x for i in ids for x in (i, 0)), 0, 0, 0]))
    more = segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + bytes(-(-blocks // 8))
    return start + segment(0xC2, frame) + first + bytes(-(-components * blocks // 8)) + more * (scans - 1) + b"\xff\xd9"


def jpeg2000(
    width: int, height: int, *, components: int = 3, tile: int = 0, block: int = 4, boxed: bool = False
) -> bytes:
    """The headers of a JPEG 2000. In boxes, these say that it is small."""
    tiles = (tile or width, tile or height)
    size = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, *tiles, 0, 0, components) + b"\7\1\1" * components
    style = bytes([0, 0, 0, 1, 0, 5, block, block, 0, 0])
    codes = b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\x52" + struct.pack(">H", 12) + style
    codes += b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 14, 0, 1) + b"\xff\x93\xff\xd9"
    if not boxed:
        return codes

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    header = box(b"ihdr", struct.pack(">IIHBBBB", 8, 8, components, 7, 7, 0, 0))
    return box(b"jP  ", b"\r\n\x87\n") + box(b"jp2h", header) + box(b"jp2c", codes)


def tiff(width: int, height: int, **tags: int) -> bytes:
    """A TIFF of eight-bit greys; `t322=20000` sets tag 322, and `n273=…` says how many values tag 273 has."""
    values = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 273: 8, 278: height, 279: 8}
    values |= {int(name[1:]): value for name, value in tags.items() if name[0] == "t"}
    counts = {int(name[1:]): value for name, value in tags.items() if name[0] == "n"}
    entries = b"".join(struct.pack("<HHII", tag, 4, counts.get(tag, 1), values[tag]) for tag in sorted(values))
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(values)) + entries + bytes(4)


def declared(kind: str, side: int, **options: Any) -> bytes:
    """A small AVIF or HEIF whose `ispe` box says that it is large."""
    register_heif_opener()
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, kind, **options)
    box = b"ispe" + bytes(4)
    return buffer.getvalue().replace(box + struct.pack(">II", 64, 64), box + struct.pack(">II", side, side))


def icon(side: int) -> bytes:
    data = png(side, side)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(data), 22) + data


def bmp(side: int, compression: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, compression, 0, 0, 0, 256, 0)
    palette = b"".join(bytes([255 - i, i, i, 0]) for i in range(256))
    return b"BM" + struct.pack("<IHHI", 1078, 0, 0, 1078) + header + palette


HOSTILE: dict[str, tuple[bytes, str]] = {
    "webp": (webp(13_376), "13376×13376 pixels is above the limit of 50 megapixels; make it smaller, or raise"),
    "animated webp": (animated_webp(5000), "5000×5000 pixels is above the limit of 16.67 megapixels of this format"),
    "png, high": (png(1, 178_000_000), "1×178000000 pixels is above the limit of 50 megapixels"),
    "png, wide": (png(178_000_000, 1), "178000000×1 pixels is above the limit of 50 megapixels"),
    "png, long": (png(1, 70_000), "1×70000 pixels: the longest side is above 65,535; make it smaller"),
    "jpeg, 251 megapixels": (jpeg(15_900, 15_800), "15900×15800 pixels is above the limit of 250 megapixels of a JPEG"),
    "jpeg, not made smaller": (jpeg(65_500, 1100), "65500×1100 pixels is above the limit of 50 megapixels"),
    "jpeg, progressive": (jpeg(8000, 7600, 2), "8000×7600 pixels is above the limit of 60 megapixels of such"),
    "jpeg, without subsampling": (jpeg(8000, 6800, 2, components=3), "is above the limit of 50.33 megapixels of such"),
    "jpeg, 1,000 scans": (jpeg(80, 80, 1000), "is a progressive JPEG of 1,000 scans; the limit is 100 at 80×80 pixels"),
    "jpeg, 3,000 scans": (jpeg(80, 80, 3000), "is a progressive JPEG of 3,000 scans; the limit is 100 at 80×80"),
    "jpeg, 40 scans": (jpeg(8000, 7400, 40), "is a progressive JPEG of 40 scans; the limit is 16 at 8000×7400 pixels"),
    "jpeg, segments": (b"\xff\xd8" + b"\xff\xe0\0\2" * 9999, "is a JPEG of more than 5,000 segments"),
    "jpeg 2000": (jpeg2000(16_000, 16_000), "16000×16000 pixels is above the limit of 50 megapixels"),
    "jpeg 2000, hidden": (jpeg2000(16_000, 16_000, boxed=True), "16000×16000 pixels is above the limit of 50"),
    "jpeg 2000, blocks": (jpeg2000(3000, 3000, block=0), "blocks of 16 pixels; the limits are"),
    "jpeg 2000, tiles": (jpeg2000(3000, 3000, tile=1), "9,000,000 tiles and"),
    "jpeg 2000, components": (jpeg2000(80, 80, components=999), "is a JPEG 2000 of 999 components"),
    "gif": (b"GIF89a" + struct.pack("<HHBBB", 9000, 9000, 0, 0, 0) + b"," + bytes(9) + b"\2\0;", "9000×9000 pixels is"),
    "tiff": (tiff(9000, 9000), "9000×9000 pixels is above the limit of 50 megapixels"),
    "tiff, tile": (tiff(8, 8, t322=30_000, t323=30_000, t324=8), "is a TIFF that takes 900 MB to decode; the limit is"),
    "tiff, strips": (tiff(8, 8, n273=999_999), "is a TIFF of 999,999 strips; the limit is 100,000"),
    "tiff, scans": (tiff(8, 8, t259=7) + b"\xff\xda" * 99, "is a TIFF of JPEGs of 99 scans; save it again"),
    "avif": (declared("AVIF", 6000), "6000×6000 pixels is above the limit of 25 megapixels of this format"),
    "heif": (declared("HEIF", 9000), "9000×9000 pixels is above the limit of 50 megapixels"),
    "icon": (icon(7000), "is an icon with a picture of 49,000,000 pixels; save it as a PNG"),
    "bmp": (bmp(9000, 0), "9000×9000 pixels is above the limit of 50 megapixels"),
    "bmp, runs": (bmp(2000, 1), "2000×2000 pixels is above the limit of 2.5 megapixels of this format"),
    "ppm, plain": (b"P3 64 64 255\n" + b"#\n" * 99, "is a PPM of plain text; save it as a PNG"),
    "ppm, slow": (b"P6 2000 2000 99\n", "2000×2000 pixels is above the limit of 2.5 megapixels of this format"),
}
"""Files by what they are, and what is said of them."""
