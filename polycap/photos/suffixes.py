"""File formats that polycap reads, and the suffixes of their files: the one list. Does not import Pillow."""

__all__ = ["FORMATS", "JPEG_XL", "PHOTO_SUFFIXES", "RAW_SUFFIXES"]

FORMATS: dict[str, tuple[str, ...]] = {
    "AVIF": (".avif", ".avifs"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "HEIF": (".heic", ".heics", ".heif", ".heifs", ".hif"),
    "ICO": (".ico",),
    "JPEG": (".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"),  # MPO, of cameras with two lenses, is opened as JPEG
    "JPEG2000": (".j2c", ".j2k", ".jp2", ".jpc", ".jpf", ".jpx"),
    "PNG": (".apng", ".png"),
    "PPM": (".pbm", ".pfm", ".pgm", ".pnm", ".ppm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
"""Suffixes by Pillow's name of the format, in lower case. Not EPS, for example: Ghostscript would run an untrusted
program."""

JPEG_XL = (".jxl",)
"""Suffix of JPEG XL, which the extra `jxl` reads."""

# fmt: off
RAW_SUFFIXES = frozenset(
    {
        ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos",
        ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
    }
)
# fmt: on
"""Suffixes of cameras' raw files, which the extra `raw` reads."""

PHOTO_SUFFIXES = frozenset({*(suffix for suffixes in FORMATS.values() for suffix in suffixes), *JPEG_XL, *RAW_SUFFIXES})
"""Suffixes of photos in a folder, in lower case."""
