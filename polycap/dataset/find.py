"""Where a dataset folder keeps its photos and its captions."""

import os
from pathlib import Path

from polycap.dataset.readers import photo_key
from polycap.errors import DatasetError
from polycap.photos.formats import PHOTO_SUFFIXES

__all__ = ["find_captions", "find_karpathy", "find_photo_folder", "search_folders"]

_PHOTO_FOLDERS = (
    "Images",
    "Flicker8k_Dataset",
    "Flickr8k_Dataset",
    "images",
    "Flickr8k_Dataset/Flicker8k_Dataset",
    ".",
)
_KARPATHY = "dataset_*.json"
# The first of these that is found is read. The original comes first: the official splits belong to it.
_CAPTION_FILES = (
    "Flickr8k.token.txt",
    "captions.txt",
    "dataset_flickr8k.json",
    _KARPATHY,
    "*.csv",
    "*.jsonl",
)


def search_folders(folder: Path) -> list[Path]:
    """The folder and its visible subfolders, sorted.

    Raises:
        DatasetError: the folder doesn't exist or can't be listed.
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name[0] not in "._" and path.is_dir())
    except OSError as error:
        raise DatasetError(f"{folder}: can't be listed ({error.strerror}); give a dataset's folder") from error
    return [folder, *(folder / name for name in names)]


def find_captions(folder: Path) -> Path:
    """The caption file of a dataset folder: the first of the known names, here or one level down.

    Raises:
        DatasetError: there is none, or there are several CSV files and nothing says which.
    """
    folders = search_folders(folder)
    for pattern in _CAPTION_FILES:
        for place in folders:
            found = _visible(place, pattern)
            if len(found) > 1:
                names = ", ".join(path.name for path in found)
                raise DatasetError(f"{place}: several caption files ({names}); name the one to read")
            if found:
                return found[0]
    raise DatasetError(
        f"{folder}: no captions; looked here and one level down for {', '.join(_CAPTION_FILES)}. "
        "Name the caption file, or fetch Flickr8k"
    )


def find_karpathy(folders: list[Path]) -> Path | None:
    """Karpathy's JSON, for the splits of a caption file that has none of its own."""
    return next((path for folder in folders for path in _visible(folder, _KARPATHY)), None)


def find_photo_folder(folder: Path) -> tuple[Path, dict[str, Path]]:
    """The folder that holds a dataset's photos, and its photos by name.

    Raises:
        DatasetError: there is none, or there are several and nothing says which.
    """
    for name in _PHOTO_FOLDERS:
        photos = list_photos(folder / name)
        if photos:
            return folder / name, photos
    others = {place: photos for place in search_folders(folder)[1:] if (photos := list_photos(place))}
    if len(others) > 1:
        names = ", ".join(place.name for place in others)
        raise DatasetError(f"{folder}: several folders of photos ({names}); name the one to read")
    for place, photos in others.items():
        return place, photos
    raise DatasetError(
        f"{folder}: no photos; looked for {', '.join(sorted(PHOTO_SUFFIXES))} in "
        f"{', '.join(_PHOTO_FOLDERS[:4])}, here and one level down. Name the photo folder, or fetch Flickr8k"
    )


def list_photos(folder: Path) -> dict[str, Path]:
    """The photos lying in a folder, by name; empty when it is not a folder.

    One listing, no look at each file: a dataset has thousands.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise DatasetError(f"{folder}: can't be listed ({error.strerror})") from error
    # "._x.jpg" is what macOS leaves beside x.jpg in archives
    kept = [name for name in names if name[0] != "." and Path(name).suffix.lower() in PHOTO_SUFFIXES]
    return {photo_key(_printable(name)): folder / name for name in sorted(kept)}


def _printable(name: str) -> str:
    """A file's name in which bytes that are not UTF-8 are spelled out, so that it can be shown and hashed."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _visible(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file() and path.name[0] != ".")
