"""Loading of a dataset: photos, captions, splits, terms and faults."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from polycap.dataset import find
from polycap.dataset.dataset import Dataset, DatasetFault, Photo
from polycap.dataset.layouts import read_sidecars, read_split_folders
from polycap.dataset.names import match_names, near_names
from polycap.dataset.readers import CaptionTable, read_table
from polycap.dataset.splits import HASH_SOURCE, Assignment, hash_splits, read_official, resolve_splits
from polycap.dataset.terms import find_terms
from polycap.errors import DatasetError

__all__ = ["load_dataset"]


def load_dataset(
    folder: str | PathLike[str],
    *,
    caption_file: str | PathLike[str] | None = None,
    photo_folder: str | PathLike[str] | None = None,
) -> Dataset:
    """Read a folder of photos and captions.

    Without `caption_file` and `photo_folder` they are looked for; polycap/dataset/README.md says where, and where
    splits and terms come from. `split_source` names the source of the splits.

    A caption's photo may be named with folders, in another case or Unicode form, or without a suffix, if one photo only
    can be meant. Photos are listed, not opened; `check_dataset` opens them.

    Args:
        folder: the dataset's folder.
        caption_file: path of the dataset's own caption file. (default: the first of the known names)
        photo_folder: path of the folder of its photos. (default: the first of the known names)

    Raises:
        DatasetError: there are no photos, no captions, or no captions of the photos; or a file is not text.
    """
    folder = Path(folder)
    folders = find.search_folders(folder)
    table, place, files = _read_files(folder, caption_file, photo_folder)
    _rename(table, match_names(table.where, files))
    _check_match(table, place, files)
    splits, source, split_faults = _find_splits(table, folders, files)
    captioned = tuple(
        Photo(name, path, splits.get(name, ""), table.captions[name])
        for name, path in sorted(files.items())
        if name in table.captions
    )
    faults = (*table.faults, *_unmatched(table, place, files), *split_faults)
    terms = find_terms([*folders, table.path.parent], files)
    return Dataset(folder.resolve().name, folder, captioned, faults, source, terms)


def _read_files(
    folder: Path, caption_file: str | PathLike[str] | None, photo_folder: str | PathLike[str] | None
) -> tuple[CaptionTable, Path, dict[str, Path]]:
    """Return a dataset's captions, and its photos with the folder that they are in."""
    if caption_file is None and photo_folder is None and (found := read_split_folders(folder)):
        return found[0], folder, found[1]
    path = Path(caption_file) if caption_file else find.find_captions(folder)
    table = read_table(path) if path else None
    if photo_folder:
        place = Path(photo_folder)
        files = find.list_photos(place)
    elif table or any(find.list_photos(each) for each in find.search_folders(folder)):
        place, files = find.find_photo_folder(folder)
    else:
        raise find.no_captions(folder)
    if not files:
        raise DatasetError(f"{place}: holds no photos; name the folder of the photos with `photo_folder`")
    table = table or read_sidecars(place, files)
    if table is None:
        raise find.no_captions(folder)
    return table, place, files


def _rename(table: CaptionTable, names: Mapping[str, str]) -> None:
    """Give captions, lines and splits of a table the names of the photos that are meant."""
    table.captions = {names.get(name, name): captions for name, captions in table.captions.items()}
    table.where = {names.get(name, name): where for name, where in table.where.items()}
    table.assignments = [(names.get(name, name), split, where) for name, split, where in table.assignments]


def _check_match(table: CaptionTable, photo_folder: Path, files: dict[str, Path]) -> None:
    """Raise DatasetError if no caption is of a photo of the folder."""
    if not table.captions:
        first = f"; the first fault: {table.faults[0]}" if table.faults else ""
        raise DatasetError(f"{table.path}: holds no usable caption{first}")
    if table.captions.keys().isdisjoint(files):
        raise DatasetError(
            f"{table.path}: names {len(table.captions)} photos ({next(iter(table.captions))}, …), and none "
            f"of them is among the {len(files)} photos in {photo_folder}; name their folder with `photo_folder`, or "
            "other captions with `caption_file`"
        )


def _unmatched(table: CaptionTable, photo_folder: Path, files: dict[str, Path]) -> list[DatasetFault]:
    """Return one fault per photo without a caption, and per missing photo of captions."""
    label = photo_folder.resolve().name
    missing = {name: rows for name, rows in table.captions.items() if name not in files}
    found = near_names(missing, files).items()
    near = {name: f"; near it is {', '.join(map(repr, names[:3]))}" for name, names in found if names}
    without_photo = [
        DatasetFault(
            table.where[name],
            f"no photo {name!r} in {label}; its {len(rows)} captions are left out{near.get(name, '')}",
        )
        for name, rows in missing.items()
    ]
    without_caption = [
        DatasetFault(f"{label}/{name}", f"no caption in {table.path.name}; the photo is left out")
        for name in sorted(files)
        if name not in table.captions
    ]
    return without_photo + without_caption


def _meant(assignments: list[Assignment], files: dict[str, Path]) -> list[Assignment]:
    """Return assignments with the names of the photos that are meant."""
    names = match_names(dict.fromkeys(name for name, _, _ in assignments), files)
    return [(names.get(name, name), split, where) for name, split, where in assignments]


def _find_splits(
    table: CaptionTable, folders: list[Path], files: dict[str, Path]
) -> tuple[dict[str, str], str, list[DatasetFault]]:
    """Return the split of each photo, the source of the splits, and their faults."""
    sources = [*folders, table.path.parent]
    official = read_official(sources)
    if official:
        assignments, faults = official
        assignments = _meant(assignments, files)
        splits, conflicts = resolve_splits(assignments)
        known = files.keys() | table.where.keys()  # captions without a photo have a fault already
        missing = [
            DatasetFault(where, f"no photo {name!r} and no caption of it")
            for name, _, where in assignments
            if name not in known
        ]
        return splits, "official files Flickr_8k.{train,dev,test}Images.txt", faults + conflicts + missing
    if table.assignments:
        splits, faults = resolve_splits(table.assignments)
        return splits, table.split_source, faults
    karpathy = find.find_karpathy(sources)
    if karpathy:
        splits, faults = resolve_splits(_meant(read_table(karpathy).assignments, files))
        return splits, "karpathy", faults
    return hash_splits(name for name in files if name in table.captions), HASH_SOURCE, []
