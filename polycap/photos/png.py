"""Metadata of PNGs: texts and colour profiles, for whose size Pillow refuses a photo."""

import zlib
from collections.abc import Iterator

from polycap.photos.headers import Bytes

__all__ = ["png_without_metadata"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_MOST = 1 << 20
"""Maximum bytes of a text or profile, unpacked: Pillow's own limit of one. Fifty of them are below its limit of all."""
_MOST_TEXTS = 50


def png_without_metadata(data: Bytes) -> bytes | None:
    """Return a PNG without texts and profiles, if it has more of them than Pillow reads; else None."""
    if data[:8] != _SIGNATURE:
        return None
    texts = [chunk for chunk in _chunks(data) if chunk[0] in _TEXTS]
    if len(texts) <= _MOST_TEXTS and all(_is_small(data, *chunk) for chunk in texts):
        return None
    kept, position = [], 0
    for _, start, end in texts:
        kept.append(data[position:start])
        position = end
    return b"".join([*kept, data[position:]])


def _chunks(data: Bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk."""
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        yield data[position + 4 : position + 8], position, end
        position = end


def _is_small(data: Bytes, name: bytes, start: int, end: int) -> bool:
    if end - start > _MOST:
        return False
    content = data[start + 8 : end - 4]
    _, _, rest = content.partition(b"\0")  # after the keyword
    if name == b"tEXt" or (name == b"iTXt" and rest[:1] != b"\1"):
        return True
    packed = rest[2:].split(b"\0", 2)[-1] if name == b"iTXt" else rest[1:]
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed, _MOST)
    except zlib.error:
        return False
    return not unpacking.unconsumed_tail
