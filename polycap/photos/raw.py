"""Raw files of cameras: their embedded preview, by the package rawpy, an extra."""

import io
import struct

from PIL import Image

from polycap.errors import PhotoError
from polycap.machine.extras import require_extra
from polycap.photos.headers import Bytes, tiff_values
from polycap.photos.limits import PhotoLimits
from polycap.photos.suffixes import RAW_SUFFIXES

__all__ = ["is_raw", "raw_preview"]

_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
_COMMON = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM")
"""First bytes of photos that somebody has renamed to a raw file."""
_SUBFILE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50706
_ORIENTATIONS = {3: 3, 5: 8, 6: 6}
"""EXIF orientations, by LibRaw's `flip`."""


def is_raw(data: Bytes, suffix: str = "") -> bool:
    """Return whether a file is a camera's raw file.

    Args:
        data: content of the file.
        suffix: suffix of its name, if it has one.
    """
    if data[:8].startswith(_COMMON):
        return False
    if suffix.lower() in RAW_SUFFIXES or data[:16].startswith(_SIGNATURES) or data[4:12] == b"ftypcrx ":
        return True
    try:
        tags = tiff_values(data)
    except struct.error:
        return False
    is_small = tags.get(_SUBFILE) == 1 and _SUB_IFDS in tags  # a preview comes first, then the sensor's data
    return is_small or _DNG_VERSION in tags or data[8:10] == b"CR"


def raw_preview(data: Bytes, limits: PhotoLimits) -> tuple[bytes | Image.Image, int]:
    """Return the embedded preview of a raw file, or else its own picture at half its size; and its EXIF orientation.

    Raises:
        PhotoError: the extra is not installed, or the picture is above the limits.
    """
    require_extra("raw", "a camera's raw file", error=PhotoError)
    import rawpy

    with rawpy.imread(io.BytesIO(data)) as raw:
        sizes = raw.sizes
        try:
            preview = raw.extract_thumb()
        except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
            limits.check_size(sizes.raw_width, sizes.raw_height)
            return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True)), 1
    turned = _ORIENTATIONS.get(sizes.flip, 1)
    if preview.format == rawpy.ThumbFormat.JPEG:
        return bytes(preview.data), turned
    return Image.fromarray(preview.data), turned
