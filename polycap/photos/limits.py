"""Limits of photos, by the cost of decoding. A photo above them is rejected before it is decoded."""

import math
import os
import struct
from dataclasses import dataclass

from PIL import Image

from polycap.errors import PhotoError, PolycapError
from polycap.photos.headers import Bytes, icon_pixels, jpeg2000_frame, jpeg_frame, tiff_shape, webp_header
from polycap.photos.webp import has_libwebp

__all__ = ["DEFAULT_MEGAPIXELS", "MAX_SIDE", "MEGAPIXELS_VARIABLE", "PhotoLimits"]

MEGAPIXELS_VARIABLE = "POLYCAP_MAX_MEGAPIXELS"
DEFAULT_MEGAPIXELS = 50.0
MAX_SIDE = 65_535
"""Maximum pixels of the longest side: JPEG's own limit."""

_BASELINE, _PROGRESSIVE = 250.0, 60.0
"""Maximum megapixels of a JPEG, baseline and progressive: a baseline one is decoded at a smaller size, row by row; all
coefficients of a progressive one are in memory. If the limit is above the default, they grow in proportion."""
_COEFFICIENTS_MB = 302.0
_MAX_SCANS, _FULL_SCANS = 100, 16
"""Maximum scans of a progressive JPEG, and of one of the maximum size; encoders write about 10."""

# Maximum megabytes of memory per megapixel of the limit; a PNG takes 4.
_TIFF_MB = 11.0
_JPEG2000_MB = 6.0
_JPEG2000_SAMPLE, _JPEG2000_BLOCKS = 6.3, 0.6
"""Memory of a JPEG 2000's decoder, bytes per decoded sample, and bytes per sample of the file."""

_MAX_TIFF_BLOCKS = 100_000
_MAX_TILES, _MIN_BLOCK = 4096, 1024
"""Maximum tiles of a JPEG 2000, and minimum pixels of its smallest block: the decoder takes some kilobytes per tile,
and 600 bytes per block."""
_MAX_ICON_PIXELS = 2 * 1024 * 1024

_AVIF, _DEEP_HEIF, _ANIMATED_WEBP, _PILLOWS_WEBP, _IN_PYTHON = 2.0, 1.7, 3.0, 2.0, 20.0
"""Memory or time of decoding a pixel, as a multiple of a PNG's."""
_PYTHON_DECODERS = {"bmp_rle", "ppm"}


@dataclass(frozen=True)
class PhotoLimits:
    """Limits of a photo.

    Attributes:
        megapixels: maximum number of decoded pixels, 10^6; fewer for formats whose decoders take more memory. A JPEG is
            decoded at a smaller size: a baseline JPEG may have 250, a progressive one 60, or more in proportion if the
            limit is above the default. (default: 50)
    """

    megapixels: float = DEFAULT_MEGAPIXELS

    @classmethod
    def of_environment(cls) -> "PhotoLimits":
        """Return the limits of the environment variable `POLYCAP_MAX_MEGAPIXELS`, or the default.

        Raises:
            PolycapError: the variable is not a number above 0.
        """
        text = os.environ.get(MEGAPIXELS_VARIABLE, "")
        if not text.strip():
            return cls()
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < math.inf:
            raise PolycapError(f"{MEGAPIXELS_VARIABLE}={text}: is no number of megapixels; set one above 0, such as 50")
        return cls(value)

    def check_file(self, data: Bytes, side: int) -> int:
        """Check the cost of opening a file, and the costs of decoding that an open image no longer shows.

        Args:
            data: content of the file.
            side: minimum side of the decoded photo in pixels.

        Returns:
            Number of times to halve a JPEG 2000 while decoding it, so that at least `side` pixels remain; 0 for other
            formats.
        """
        try:
            if data[:3] == b"\xff\xd8\xff":
                self._check_jpeg(data)
            elif data[:4] == b"RIFF":
                self._check_webp(data)
            elif data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
                self._check_tiff(data)
            elif data[:8] == b"\x89PNG\r\n\x1a\n":
                self.check_size(*struct.unpack(">II", data[16:24]))
            elif data[:4] == b"\0\0\1\0" and (pixels := icon_pixels(data)) > _MAX_ICON_PIXELS:
                raise PhotoError(f"is an icon with a picture of {pixels:,} pixels; save it as a PNG")
            elif data[:2] in {b"P1", b"P2", b"P3"}:
                raise PhotoError("is a PPM of plain text; save it as a PNG")
            else:
                return self._check_jpeg2000(data, side)
        except (IndexError, struct.error):  # truncated: Pillow reports it
            pass
        return 0

    def check_image(self, image: Image.Image) -> None:
        """Check the cost of decoding an open image.

        Raises:
            PhotoError: the image is above the limits, or has no pixels.
        """
        self.check_size(image.width, image.height, _cost(image))

    def too_large(self) -> str:
        """Return the message for a photo that Pillow rejects while opening it, so that its size is not known."""
        pillows = 2e-6 * (Image.MAX_IMAGE_PIXELS or 0)
        if self.megapixels > pillows:
            return f"is above Pillow's own limit of {pillows:.0f} megapixels; make it smaller"
        return f"is above the limit of {self.megapixels:g} megapixels; {self._advice()}"

    def check_size(self, width: int, height: int, cost: float = 1.0) -> None:
        """Check the cost of decoding a photo of a size.

        Args:
            width, height: size in pixels.
            cost: memory or time of decoding a pixel, as a multiple of a PNG's. (default: 1)

        Raises:
            PhotoError: it is above the limits, or has no pixels.
        """
        if not width * height:
            raise PhotoError(f"{width}×{height}: has no pixels")
        if width * height * cost > self.megapixels * 1e6:
            self._refuse(f"{width}×{height} pixels", self.megapixels / cost, " of this format" if cost > 1 else "")
        if max(width, height) > MAX_SIDE:
            raise PhotoError(f"{width}×{height} pixels: the longest side is above {MAX_SIDE:,}; make it smaller")

    def _refuse(self, what: str, limit: float, kind: str) -> None:
        raise PhotoError(f"{what} is above the limit of {limit:.4g} megapixels{kind}; {self._advice()}")

    def _advice(self) -> str:
        return f"make it smaller, or raise `max_megapixels` ({MEGAPIXELS_VARIABLE}) above {self.megapixels:g}"

    def _check_jpeg(self, data: Bytes) -> None:
        if (frame := jpeg_frame(data)) is None:
            return
        more = max(1.0, self.megapixels / DEFAULT_MEGAPIXELS)
        size, pixels = f"{frame.width}×{frame.height} pixels", frame.width * frame.height
        if not frame.buffered:
            if pixels > _BASELINE * more * 1e6:
                self._refuse(size, _BASELINE * more, " of a JPEG")
            return
        limit = _PROGRESSIVE * more
        if frame.coefficients > 0:
            limit = min(limit, _COEFFICIENTS_MB * more * pixels / frame.coefficients)
        if pixels > limit * 1e6:
            self._refuse(size, limit, " of such a progressive JPEG")
        most = min(_MAX_SCANS, _FULL_SCANS * _PROGRESSIVE * more * 1e6 / max(pixels, 1))
        if frame.scans > most:
            raise PhotoError(
                f"is a progressive JPEG of {frame.scans:,} scans; the limit is {most:.0f} at {size}; save it again, "
                f"as a baseline JPEG, or raise `max_megapixels` ({MEGAPIXELS_VARIABLE}) above {self.megapixels:g}"
            )

    def _check_webp(self, data: Bytes) -> None:
        if (header := webp_header(data)) is not None:
            cost = _ANIMATED_WEBP if header.animated else 1.0 if has_libwebp() else _PILLOWS_WEBP
            self.check_size(header.width, header.height, cost)

    def _check_tiff(self, data: Bytes) -> None:
        if (shape := tiff_shape(data)) is None:
            return
        if shape.blocks > _MAX_TIFF_BLOCKS:
            raise PhotoError(f"is a TIFF of {shape.blocks:,} strips; the limit is {_MAX_TIFF_BLOCKS:,}; save it again")
        if shape.scans > _FULL_SCANS * (shape.blocks + 1):
            raise PhotoError(f"is a TIFF of JPEGs of {shape.scans:,} scans; save it again, as baseline JPEGs")
        if shape.width and shape.height:
            self.check_size(shape.width, shape.height)
        copies = 2 if shape.is_turned else 1
        megabytes = (shape.block_bytes + 4 * copies * shape.width * shape.height) / 1e6
        if megabytes > _TIFF_MB * self.megapixels:
            raise PhotoError(
                f"is a TIFF that takes {megabytes:,.0f} MB to decode; the limit is {_TIFF_MB * self.megapixels:,.0f} "
                f"MB; save it in strips, or raise `max_megapixels` ({MEGAPIXELS_VARIABLE}) above {self.megapixels:g}"
            )

    def _check_jpeg2000(self, data: Bytes, side: int) -> int:
        if (frame := jpeg2000_frame(data)) is None:
            return 0
        self.check_size(frame.width, frame.height)
        if frame.components > 4 or frame.tiles > _MAX_TILES or frame.block < _MIN_BLOCK:
            raise PhotoError(
                f"is a JPEG 2000 of {frame.components} components, {frame.tiles:,} tiles and blocks of {frame.block} "
                f"pixels; the limits are 4, {_MAX_TILES:,} and at least {_MIN_BLOCK:,}; save it as another format"
            )
        samples, limit = frame.width * frame.height * frame.components, _JPEG2000_MB * self.megapixels * 1e6
        for halved in range(frame.levels + 1):
            if samples * (_JPEG2000_BLOCKS + _JPEG2000_SAMPLE / 4**halved) <= limit:
                return halved
            if min(frame.width, frame.height) >> halved + 1 < side:
                break
        most = limit / (_JPEG2000_BLOCKS + _JPEG2000_SAMPLE / 4**halved) / frame.components
        self._refuse(f"{frame.width}×{frame.height} pixels", most / 1e6, " of such a JPEG 2000")
        return 0


def _cost(image: Image.Image) -> float:
    """Return the memory or time of decoding a pixel, as a multiple of a PNG's."""
    if image.format == "AVIF":
        return _AVIF
    if image.format == "HEIF" and image.info.get("bit_depth", 8) > 8:
        return 1.0 if image.mode == "RGB" and image.info.get("chroma") == 420 else _DEEP_HEIF
    return _IN_PYTHON if {tile[0] for tile in getattr(image, "tile", ())} & _PYTHON_DECODERS else 1.0
