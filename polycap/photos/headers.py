"""Headers of image files: sizes and structure, which decide the cost of decoding. Decodes no pixels."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import TypeAlias

from polycap.errors import PhotoError

__all__ = [
    "Bytes",
    "Jpeg2000Frame",
    "JpegFrame",
    "TiffShape",
    "WebpHeader",
    "box_content",
    "icon_pixels",
    "jpeg2000_frame",
    "jpeg_frame",
    "tiff_shape",
    "tiff_values",
    "webp_header",
]

Bytes: TypeAlias = "bytes | mmap"

# --- JPEG ---

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker; within a scan, FF followed by 00 or D0 to D7 is not one."""
_SOF, _SOI, _EOI, _SOS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}, 0xD8, 0xD9, 0xDA
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
MAX_SEGMENTS = 5000


@dataclass(frozen=True)
class JpegFrame:
    """Frame and scans of a JPEG.

    Attributes:
        width, height: size in pixels.
        coefficients: size of all coefficients, bytes.
        buffered: whether the decoder holds all coefficients in memory at once, as for several scans.
        scans: number of scans; counting stops at `MAX_SEGMENTS`.
    """

    width: int
    height: int
    coefficients: int
    buffered: bool
    scans: int


def jpeg_frame(data: Bytes) -> JpegFrame | None:
    """Return frame and scans of a JPEG, by its markers; None without a frame before the first scan.

    Raises:
        PhotoError: the JPEG has more segments than `MAX_SEGMENTS`.
    """
    frame, scans, buffered, position = b"", 0, False, 2
    for _ in range(MAX_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None or (marker := data[match.end() - 1]) == _EOI:
            break
        position = match.end()
        if marker < 0xC0 or marker == _SOI:  # markers without a length
            continue
        if marker in _SOF and not frame:
            frame = bytes([marker]) + data[position : position + 2 + 6 + 3 * 255]
        elif marker == _SOS:
            scans += 1
            buffered = buffered or frame[0] in _PROGRESSIVE or data[position + 2] < frame[8]
            if not buffered:  # a baseline JPEG has one scan
                break
        position += int.from_bytes(data[position : position + 2], "big")
    else:
        raise PhotoError(f"is a JPEG of more than {MAX_SEGMENTS:,} segments; save it again, without metadata")
    return _jpeg_frame(frame, buffered, scans) if frame else None


def _jpeg_frame(frame: bytes, buffered: bool, scans: int) -> JpegFrame:
    height, width, count = struct.unpack_from(">HHB", frame, 4)
    factors = [divmod(frame[10 + 3 * component], 16) for component in range(count)]
    widest, highest = (max(factor) for factor in zip(*factors, strict=True))
    blocks = (-(-width * x // (8 * widest)) * -(-height * y // (8 * highest)) for x, y in factors)
    return JpegFrame(width, height, 128 * sum(blocks), buffered, scans)


# --- WebP ---


@dataclass(frozen=True)
class WebpHeader:
    """Header of a WebP.

    Attributes:
        width, height: size in pixels.
        lossless: whether it is coded without loss.
        animated: whether it is an animation.
        exif: EXIF block, empty if there is none.
    """

    width: int
    height: int
    lossless: bool
    animated: bool
    exif: bytes


def webp_header(data: Bytes) -> WebpHeader | None:
    """Return the header of a WebP, by its first chunks; None for other files."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    sizes, lossless, animated, exif, position = [], False, False, b"", 12
    for _ in range(MAX_SEGMENTS):
        kind, head = data[position : position + 4], data[position + 8 : position + 18].ljust(10, b"\0")
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if kind == b"VP8X":
            animated = bool(head[0] & 2)
            sizes.append((int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1))
        elif kind == b"VP8 ":
            sizes.append((int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF))
        elif kind == b"VP8L":
            bits, lossless = int.from_bytes(head[1:5], "little"), True
            sizes.append(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        elif kind == b"EXIF":
            exif = data[position + 8 : position + 8 + length]
        elif not kind:
            break
        position += 8 + length + length % 2
    return WebpHeader(*sizes[0], lossless, animated, exif) if sizes else None


# --- TIFF ---


@dataclass(frozen=True)
class TiffShape:
    """First picture of a TIFF.

    Attributes:
        width, height: size in pixels.
        block_bytes: size of a decoded strip or tile, bytes.
        blocks: number of strips or tiles.
        is_turned: whether Pillow turns the picture when it loads it.
        scans: number of JPEG scans, if strips or tiles are JPEGs; else 0.
    """

    width: int
    height: int
    block_bytes: int
    blocks: int
    is_turned: bool
    scans: int


_WIDTH, _HEIGHT, _BITS, _ORIENTATION, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = (
    256,
    257,
    258,
    274,
    277,
    278,
    322,
    323,
)
_OFFSETS = (273, 324)
_COMPRESSION, _JPEGS, _SCAN = 259, {6, 7}, re.compile(rb"\xff\xda")
_SIZES = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 16: 8, 17: 8}
"""Sizes of a TIFF's integers, bytes, by type."""


def tiff_shape(data: Bytes) -> TiffShape | None:
    """Return the shape of a TIFF's first picture, with the largest value of a repeated tag; None for other files."""
    if (order := {b"II": "<", b"MM": ">"}.get(data[:2])) is None:
        return None
    count: dict[int, int] = {}
    values: dict[int, int] = {}
    for tag, entries, value in _tiff_entries(data, order):
        count[tag] = max(entries, count.get(tag, 0))
        values[tag] = max(value, values.get(tag, 0))
    width, height = values.get(_WIDTH, 0), values.get(_HEIGHT, 0)
    rows = min(values.get(_ROWS, height), height)
    samples = max(values.get(_SAMPLES, 1), count.get(_BITS, 1))
    block = max(width * rows, values.get(_TILE_WIDTH, 0) * values.get(_TILE_HEIGHT, 0))
    return TiffShape(
        width,
        height,
        block * samples * max(8, values.get(_BITS, 1)) // 8,
        sum(count.get(tag, 0) for tag in _OFFSETS),
        values.get(_ORIENTATION, 1) > 1,
        sum(1 for _ in _SCAN.finditer(data)) if values.get(_COMPRESSION) in _JPEGS else 0,
    )


def tiff_values(data: Bytes) -> dict[int, int]:
    """Return the first value of each tag of integers of a TIFF's first picture; none for other files."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    return {tag: value for tag, _, value in _tiff_entries(data, order)} if order else {}


def _tiff_entries(data: Bytes, order: str) -> Iterator[tuple[int, int, int]]:
    """Yield tag, number of values and the first value of each entry of integers."""
    is_big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    start, count, entry, inline = (8, "Q", "HHQ8s", 8) if is_big else (4, "H", "HHI4s", 4)
    position = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", data, start)[0]
    total = struct.unpack_from(order + count, data, position)[0]
    position += struct.calcsize(order + count)
    for index in range(min(total, MAX_SEGMENTS)):
        offset = position + index * struct.calcsize(order + entry)
        if offset + struct.calcsize(order + entry) > len(data):
            break
        tag, kind, number, value = struct.unpack_from(order + entry, data, offset)
        if (size := _SIZES.get(kind)) is not None:
            if size * number > inline:
                offset = int.from_bytes(value, "little" if order == "<" else "big")
                value = data[offset : offset + size]
            yield tag, number, int.from_bytes(value[:size], "little" if order == "<" else "big")


# --- JPEG 2000 ---


@dataclass(frozen=True)
class Jpeg2000Frame:
    """Picture of a JPEG 2000. Its decoder holds whole tiles.

    Attributes:
        width, height: size in pixels.
        components: number of channels.
        tiles: number of tiles.
        levels: number of times that every tile can be halved.
        block: pixels of the smallest code block or precinct of all tiles.
    """

    width: int
    height: int
    components: int
    tiles: int
    levels: int
    block: int


_CODESTREAM, _BOXES = b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "
_COD, _COC, _SOT, _SOD = 0xFF52, 0xFF53, 0xFF90, 0xFF93


def jpeg2000_frame(data: Bytes) -> Jpeg2000Frame | None:
    """Return the frame of a JPEG 2000, by the markers of its main header and of all tiles; None for other files."""
    if data[:4] != _CODESTREAM and data[:8] != _BOXES:
        return None
    start = 0 if data[:4] == _CODESTREAM else _codestream(data)
    _, _, right, bottom, left, top, wide, high, _, _, count = struct.unpack_from(">HHIIIIIIIIH", data, start + 4)
    tiles = -(-right // max(wide, 1)) * -(-bottom // max(high, 1))
    styles = [_coding_style(data, offset, marker) for marker, offset in _coding_styles(data, start + 2)]
    levels, blocks = (min(values, default=0) for values in zip(*styles, strict=True)) if styles else (0, 0)
    return Jpeg2000Frame(right - left, bottom - top, count, tiles, levels, blocks)


def _codestream(data: Bytes) -> int:
    """Return the offset of the first codestream among the boxes."""
    position = box_content(data, {b"jp2c": 0})
    if position is None:
        raise PhotoError("is a JPEG 2000 without a picture among its first boxes; save it again")
    return position


def box_content(data: Bytes, kinds: dict[bytes, int]) -> int | None:
    """Return the offset of the content of the first box of some kinds, or None.

    Args:
        data: content of a file of boxes, as those of JPEG 2000 and JPEG XL.
        kinds: names of the boxes, each with the number of bytes before its content.
    """
    position = 0
    for _ in range(MAX_SEGMENTS):
        length, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, position + 8)[0], 16
        if kind in kinds:
            return position + head + kinds[kind]
        position += max(length, 8)
    return None


def _coding_styles(data: Bytes, position: int) -> Iterator[tuple[int, int]]:
    """Yield marker and offset of each COD and COC, also of tiles."""
    part, after = position, 0
    for _ in range(20 * MAX_SEGMENTS):
        if position + 6 > len(data):
            return
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == _SOT:
            if position + 10 > len(data):
                return
            part, after = position, struct.unpack_from(">I", data, position + 6)[0]
        elif marker == _SOD:
            if after < 14:  # 0: the part extends to the end
                return
            position = part + after
            continue
        elif marker in (_COD, _COC):
            yield marker, position + 2
        elif marker >> 8 != 0xFF:
            return
        position += 2 + length
    raise PhotoError("is a JPEG 2000 of too many parts; save it again")


def _coding_style(data: Bytes, offset: int, marker: int) -> tuple[int, int]:
    """Return levels, and pixels of the smallest code block or precinct, of a COD, or of a COC of few components."""
    style, at = (data[offset + 2], offset + 7) if marker == _COD else (data[offset + 3], offset + 4)
    levels, across, down = data[at], data[at + 1] & 15, data[at + 2] & 15
    sizes = [across + down + 4]
    if style & 1:
        sizes += [(each >> 4) + (each & 15) for each in data[at + 5 : at + 6 + levels]]
    return levels, 1 << min(sizes)


# --- icons ---


def icon_pixels(data: Bytes) -> int:
    """Return the pixels of an icon's largest picture, which may exceed the size in its directory; 0 for other files."""
    if data[:4] != b"\0\0\1\0":
        return 0
    largest = 0
    for index in range(int.from_bytes(data[4:6], "little")):
        entry = data[6 + 16 * index : 22 + 16 * index]
        offset = int.from_bytes(entry[12:16], "little")
        head = data[offset : offset + 24]
        if head[:4] == b"\x89PNG":
            sides = struct.unpack(">II", head[16:24]) if len(head) == 24 else (0, 0)
        else:
            wide = head[:4] != b"\x0c\0\0\0"
            sides = struct.unpack("<ii" if wide else "<HH", head[4 : 12 if wide else 8]) if len(head) > 11 else (0, 0)
        largest = max(largest, abs(sides[0] * sides[1]))
    return largest
