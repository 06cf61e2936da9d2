"""Search for the photos of a folder. Does not import Pillow."""

from pathlib import Path

from polycap.errors import PhotoError

__all__ = ["PHOTO_SUFFIXES", "find_photos"]

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
"""Suffixes of photos in a folder, in lower case."""


def find_photos(path: Path) -> list[Path]:
    """Return `path` itself if it is a file, else all photos below the folder, sorted.

    Raises:
        PhotoError: `path` does not exist, or the folder contains no photo.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        what = "is neither a file nor a folder; save it as a file" if path.exists() else "no such file or folder"
        raise PhotoError(f"{path}: {what}")
    # In archives, macOS writes a file "._x.jpg" beside x.jpg.
    candidates = (file for file in path.rglob("*") if file.suffix.lower() in PHOTO_SUFFIXES and file.name[0] != ".")
    photos = sorted(file for file in candidates if file.is_file())
    if not photos:
        raise PhotoError(f"{path}: no photo in this folder (looked for {', '.join(sorted(PHOTO_SUFFIXES))})")
    return photos
