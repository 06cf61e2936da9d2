"""The photos of a file or a folder."""

from pathlib import Path

from polycap.errors import PhotoError
from polycap.photos.formats import PHOTO_SUFFIXES

__all__ = ["find_photos"]


def find_photos(path: Path) -> list[Path]:
    """The photos that `path` names: itself if it is a file, else every photo below the folder, sorted.

    Raises:
        PhotoError: nothing is there, or the folder holds no photo.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        what = "is neither a file nor a folder; save it as a file" if path.exists() else "no such file or folder"
        raise PhotoError(f"{path}: {what}")
    # "._x.jpg" is what macOS leaves beside x.jpg in archives
    named = (p for p in path.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES and p.name[0] != ".")
    photos = sorted(p for p in named if p.is_file())
    if not photos:
        raise PhotoError(f"{path}: no photo in this folder (looked for {', '.join(sorted(PHOTO_SUFFIXES))})")
    return photos
