"""Search of a dataset folder for its photo folder and its caption file."""

import os
from pathlib import Path

from polycap.dataset.names import photo_keys
from polycap.errors import DatasetError
from polycap.photos.suffixes import PHOTO_SUFFIXES

__all__ = [
    "find_caption_file",
    "find_captions",
    "find_karpathy",
    "find_photo_folder",
    "list_photos",
    "no_captions",
    "search_folders",
]

_PHOTO_FOLDERS = (
    "Images",
    "Flicker8k_Dataset",
    "Flickr8k_Dataset",
    "images",
    "Flickr8k_Dataset/Flicker8k_Dataset",
    ".",
)
_KARPATHY = "dataset_*.json"
# In order of preference. The file of the release comes first: the official splits belong to it.
_CAPTION_FILES = (
    "Flickr8k.token.txt",
    "captions.txt",
    "dataset_flickr8k.json",
    _KARPATHY,
    "captions*.json",
    "*.token",
    "metadata.jsonl",
    "metadata.csv",
    "*.csv",
    "*.tsv",
    "*.jsonl",
)


def search_folders(folder: Path) -> list[Path]:
    """Return the folder and its visible subfolders, sorted.

    Raises:
        DatasetError: the folder doesn't exist or can't be listed.
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name[0] not in "._" and path.is_dir())
    except OSError as error:
        raise DatasetError(f"{folder}: can't be listed ({error.strerror}); give a dataset's folder") from error
    return [folder, *(folder / name for name in names)]


def find_captions(folder: Path) -> Path | None:
    """Return the caption file of a dataset folder: the first of the known names, in the folder or one level below.

    Raises:
        DatasetError: a pattern such as `*.csv` matches several files.
    """
    return find_caption_file(*search_folders(folder))


def find_caption_file(*folders: Path) -> Path | None:
    """Return the first caption file of the known names in these folders, not below them; None if there is none.

    Raises:
        DatasetError: a pattern such as `*.csv` matches several files of a folder.
    """
    for pattern in _CAPTION_FILES:
        for folder in folders:
            paths = _visible_files(folder, pattern)
            if len(paths) > 1:
                names = ", ".join(path.name for path in paths)
                raise DatasetError(f"{folder}: several caption files ({names}); name one with `caption_file`")
            if paths:
                return paths[0]
    return None


def no_captions(folder: Path) -> DatasetError:
    """Return the error of a dataset folder without captions."""
    return DatasetError(
        f"{folder}: no captions; looked here and one level below for {', '.join(_CAPTION_FILES)}, and for a text "
        "beside each photo. Name the file with `caption_file`, or fetch Flickr8k"
    )


def find_karpathy(folders: list[Path]) -> Path | None:
    """Return Karpathy's JSON, which has the splits for a caption file without splits, or None."""
    return next((path for folder in folders for path in _visible_files(folder, _KARPATHY)), None)


def find_photo_folder(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Return the folder of a dataset's photos, and the paths of the photos by name.

    Raises:
        DatasetError: there is none, or there are several and none has a known name.
    """
    for name in _PHOTO_FOLDERS:
        photos = list_photos(folder / name)
        if photos:
            return folder / name, photos
    others = {subfolder: photos for subfolder in search_folders(folder)[1:] if (photos := list_photos(subfolder))}
    if len(others) > 1:
        names = ", ".join(subfolder.name for subfolder in others)
        raise DatasetError(f"{folder}: several folders of photos ({names}); name one with `photo_folder`")
    for subfolder, photos in others.items():
        return subfolder, photos
    raise DatasetError(
        f"{folder}: no photos; looked for {', '.join(sorted(PHOTO_SUFFIXES))} in "
        f"{', '.join(_PHOTO_FOLDERS[:4])}, here and one level below. Name it with `photo_folder`, or fetch Flickr8k"
    )


def list_photos(folder: Path) -> dict[str, Path]:
    """Return the photos of a folder by name; none if it is not a folder.

    The folder is listed once, and no file is examined: a dataset has thousands.

    Raises:
        DatasetError: the folder can't be listed.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise DatasetError(f"{folder}: can't be listed ({error.strerror})") from error
    # macOS adds "._x.jpg" beside x.jpg to archives
    photo_names = [name for name in names if name[0] != "." and Path(name).suffix.lower() in PHOTO_SUFFIXES]
    paths = {_printable(name): folder / name for name in sorted(photo_names)}
    keys = photo_keys(paths)
    return {keys[name]: path for name, path in paths.items()}


def _printable(name: str) -> str:
    """Escape the bytes of a file name that are not UTF-8, so that it can be printed and hashed."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _visible_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that match a pattern, sorted, without hidden ones."""
    return sorted(path for path in folder.glob(pattern) if path.is_file() and path.name[0] != ".")
