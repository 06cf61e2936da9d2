"""JPEG XL, by the package pillow-jxl-plugin, an extra."""

import io

from PIL import Image

from polycap.errors import PhotoError
from polycap.machine.extras import require_extra
from polycap.photos.headers import Bytes, box_content
from polycap.photos.limits import PhotoLimits

__all__ = ["is_jxl", "jxl_size", "open_jxl"]

_CODESTREAM, _BOXES = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Width to height, by the header's number of the ratio; 0: the width follows."""
_LENGTHS = (9, 13, 18, 30)
"""Bits of a side, by its two bits in front."""
_COST = 2.0
"""Memory of decoding a pixel, as a multiple of a PNG's."""


def is_jxl(data: Bytes) -> bool:
    """Return whether a file is a JPEG XL, by its first bytes."""
    return data[:2] == _CODESTREAM or data[:12] == _BOXES


def open_jxl(data: Bytes, limits: PhotoLimits) -> Image.Image:
    """Decode a JPEG XL.

    Raises:
        PhotoError: the extra is not installed, or the photo is above the limits.
    """
    require_extra("jxl", "a JPEG XL", error=PhotoError)
    limits.check_size(*jxl_size(data), _COST)  # the plugin decodes while it opens
    import pillow_jxl  # noqa: F401  # registers the format

    image = Image.open(io.BytesIO(data), formats=("JXL",))
    if not getattr(image, "jpeg", False):  # its pixels are upright already; those of a packed JPEG are not
        image.info.pop("exif", None)
    return image


def jxl_size(data: Bytes) -> tuple[int, int]:
    """Return width and height of a JPEG XL, by its header, in pixels.

    Raises:
        PhotoError: there is no header among the first boxes.
    """
    start: int | None = 0
    if data[:2] != _CODESTREAM:
        start = box_content(data, {b"jxlc": 0, b"jxlp": 4})
    if start is None or data[start : start + 2] != _CODESTREAM:
        raise PhotoError("is a JPEG XL without a picture among its first boxes; save it again")
    bits = _Bits(int.from_bytes(data[start + 2 : start + 14], "little"))
    by_eight = bool(bits.take(1))
    height = bits.side(by_eight)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    return bits.side(by_eight), height


class _Bits:
    """Bits of a header, the lowest first."""

    def __init__(self, value: int) -> None:
        self._value = value

    def take(self, count: int) -> int:
        taken, self._value = self._value & (1 << count) - 1, self._value >> count
        return taken

    def side(self, by_eight: bool) -> int:
        """Take a side, in pixels."""
        return 8 * (self.take(5) + 1) if by_eight else self.take(_LENGTHS[self.take(2)]) + 1
