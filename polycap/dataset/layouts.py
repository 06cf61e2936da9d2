"""Layouts without one caption file for one folder of photos: a folder for each split, and a text beside each photo."""

from pathlib import Path

from polycap.dataset.dataset import DatasetFault
from polycap.dataset.find import find_caption_file, find_photo_folder, list_photos, search_folders
from polycap.dataset.readers import CaptionTable, collect, read_table, read_text_file
from polycap.dataset.rows import CaptionRow
from polycap.dataset.splits import is_split
from polycap.errors import DatasetError

__all__ = ["read_sidecars", "read_split_folders"]

FOLDER_SOURCE = "names of the folders"
"""Source of splits that have a folder each, as `Dataset.split_source` names it."""


def read_split_folders(folder: Path) -> tuple[CaptionTable, dict[str, Path]] | None:
    """Read a dataset with a folder for each split, such as Hugging Face's `train/` and `test/`.

    The captions of each are in its own caption file, or all are in one above, `metadata.jsonl` for example, that names
    photos as `train/x.jpg`. A photo's name has its folder's before it: the folders may hold files of equal names.

    Returns:
        Captions and photos; or None if there are not two such folders.

    Raises:
        DatasetError: a folder has several caption files; or a caption file can't be read.
    """
    folders = {path.name: path for path in search_folders(folder)[1:] if is_split(path.name)}
    photos = {name: files for name, path in folders.items() if (files := _photos_of(path))}
    if len(photos) < 2:
        return None
    files = {f"{name}/{photo}": path for name, listed in photos.items() for photo, path in listed.items()}
    above = find_caption_file(folder)
    if above is not None:
        table = read_table(above)
        if table.captions.keys().isdisjoint(files):
            return None
    else:
        tables = {name: read_table(path) for name in photos if (path := find_caption_file(folders[name])) is not None}
        if not tables:
            return None
        table = _joined(folder, tables)
    if not table.assignments:
        table.split_source = FOLDER_SOURCE
        table.assignments = [(name, name.partition("/")[0], table.where[name]) for name in table.where if name in files]
    return table, files


def read_sidecars(photo_folder: Path, files: dict[str, Path]) -> CaptionTable | None:
    """Read captions from text files beside their photos, `x.txt` for `x.jpg`: each line is a caption.

    Returns:
        Captions; or None if no photo has such a file.

    Raises:
        DatasetError: such a file is not text.
    """
    rows = []
    for name, path in files.items():
        beside = next((text for text in (path.with_suffix(".txt"), Path(f"{path}.txt")) if text.is_file()), None)
        if beside is not None:
            lines = enumerate(read_text_file(beside).split("\n"), 1)
            rows += [CaptionRow(f"{beside.name}:{number}", name, line) for number, line in lines if line.strip()]
    return collect(CaptionTable(photo_folder, "none"), rows) if rows else None


def _photos_of(folder: Path) -> dict[str, Path]:
    """Return the photos of a split's folder; none where it has none, or several folders of photos."""
    try:
        return list_photos(folder) or find_photo_folder(folder)[1]
    except DatasetError:
        return {}


def _joined(folder: Path, tables: dict[str, CaptionTable]) -> CaptionTable:
    """Return one table of those of several folders, with each folder's name before those of its photos."""
    joined = CaptionTable(folder / next(iter(tables.values())).path.name, FOLDER_SOURCE)
    for name, table in tables.items():
        joined.captions |= {f"{name}/{photo}": captions for photo, captions in table.captions.items()}
        joined.where |= {f"{name}/{photo}": f"{name}/{where}" for photo, where in table.where.items()}
        joined.faults += [DatasetFault(f"{name}/{fault.where}", fault.message) for fault in table.faults]
    return joined
