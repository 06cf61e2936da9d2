"""Search for the photos of a folder. Does not import Pillow."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from polycap.errors import reason_of
from polycap.photos.suffixes import PHOTO_SUFFIXES

__all__ = ["FoundPhotos", "find_photos"]

_SIDE_FOLDERS = frozenset(
    {
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "@eadir",
        "@recently-snapshot",
        "@recycle",
        "@tmp",
        "__macosx",
        "lost+found",
        "recycler",
        "system volume information",
    }
)
"""Folders of deleted files, thumbnails and snapshots of systems and disk stations, in lower case."""


@dataclass
class FoundPhotos:
    """Result of a search.

    Attributes:
        photos: photos, sorted within each folder that was searched.
        faults: messages, by the path that can't be looked at or has no photo.
        skipped: hidden files and folders, folders of deleted files and thumbnails, and folders that a link names again.
    """

    photos: list[Path] = field(default_factory=list)
    faults: dict[Path, str] = field(default_factory=dict)
    skipped: list[Path] = field(default_factory=list)

    def skipped_line(self) -> str:
        """Return one line that tells what was skipped; empty if nothing was."""
        if not self.skipped:
            return ""
        shown = ", ".join(map(str, self.skipped[:3])) + (", …" if len(self.skipped) > 3 else "")
        return f"skipped {len(self.skipped)} hidden, deleted, thumbnail or repeated ({shown}); name one to caption it"


def find_photos(path: Path) -> FoundPhotos:
    """Return `path` itself if it is a file, else all photos below the folder; a path that is at fault is listed.

    Linked folders are searched, too, each folder once.
    """
    found = FoundPhotos()
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a zero byte
        found.faults[path] = f"{path}: {_reason(path, error)}"
        return found
    if stat.S_ISREG(mode):
        found.photos.append(path)
    elif not stat.S_ISDIR(mode):
        found.faults[path] = f"{path}: is neither a file nor a folder; save it as a file"
    else:
        _search(path, found)
        found.photos.sort()
        if not found.photos and not found.faults:
            looked_for = ", ".join(sorted(PHOTO_SUFFIXES))
            found.faults[path] = f"{path}: no photo in this folder (looked for {looked_for})"
    return found


def _search(top: Path, found: FoundPhotos) -> None:
    """Search a folder: its real subfolders first, so that a photo has the path without a link if it has one."""
    seen: set[tuple[int, int]] = set()
    folders: list[Path] = [top]
    links: list[Path] = []
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                found.skipped.append(folder)
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            found.faults[folder] = f"{folder}: {_reason(folder, error)}"
            continue
        for entry in entries:
            subfolder = _look_at(entry, found)
            if subfolder is not None:
                (links if entry.is_symlink() else folders).append(subfolder)


def _look_at(entry: "os.DirEntry[str]", found: FoundPhotos) -> Path | None:
    """Add an entry of a folder to what was found; return it if it is a folder to search."""
    path, is_photo = Path(entry.path), Path(entry.name).suffix.lower() in PHOTO_SUFFIXES
    try:
        if entry.is_symlink():  # nothing else is asked of the file system, which may be far away
            entry.stat()
        is_folder = entry.is_dir()
        if entry.name[0] == "." or (is_folder and entry.name.lower() in _SIDE_FOLDERS):
            # in archives, macOS writes a file "._x.jpg" beside x.jpg
            if is_folder or (is_photo and not entry.name.startswith("._")):
                found.skipped.append(path)
        elif is_folder:
            return path
        elif is_photo and entry.is_file():
            found.photos.append(path)
    except OSError as error:
        if entry.name[0] != ".":
            found.faults[path] = f"{path}: {_reason(path, error)}"
    return None


def _reason(path: Path, error: OSError | ValueError) -> str:
    """Return why a path can't be looked at, as a message."""
    if isinstance(error, FileNotFoundError):
        return "a link to what is not there" if path.is_symlink() else "no such file or folder"
    return f"can't be looked at ({getattr(error, 'strerror', None) or reason_of(error)})"
