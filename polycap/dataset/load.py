"""Loading of a dataset: photos, captions, splits, terms and faults."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from polycap.dataset import find
from polycap.dataset.dataset import Dataset, DatasetFault, Photo
from polycap.dataset.names import match_names, near_names
from polycap.dataset.readers import CaptionTable, read_table
from polycap.dataset.splits import HASH_SOURCE, Assignment, hash_split, read_official, resolve_splits
from polycap.dataset.terms import find_terms
from polycap.errors import DatasetError

__all__ = ["load_dataset"]


def load_dataset(
    folder: str | PathLike[str],
    *,
    captions: str | PathLike[str] | None = None,
    photos: str | PathLike[str] | None = None,
) -> Dataset:
    """Read a folder of photos and captions.

    The photo folder is `Images`, `Flicker8k_Dataset`, `Flickr8k_Dataset`, `images`, the folder itself, or its only
    subfolder with photos. The caption file is the first of `Flickr8k.token.txt`, `captions.txt`,
    `dataset_flickr8k.json`, another `dataset_*.json`, the only `*.csv` and the only `*.jsonl`, in the folder or one
    level below. The splits are those of the official `Flickr_8k.{train,dev,test}Images.txt`, or of the caption file, or
    of a Karpathy JSON beside it, or follow from a hash of each photo's name (80% train, 10% dev, 10% test);
    `split_source` names their source. The terms are those of `TERMS.txt`; Flickr8k is recognised by the names of its
    photos and files.

    A caption's photo may be named with folders, in another case or Unicode form, or without a suffix, if one photo only
    can be meant. Photos are listed, not opened; `check_dataset` opens them.

    Args:
        folder: the dataset's folder.
        captions: path of the caption file. (default: the first of the names above)
        photos: path of the photo folder. (default: the first of the names above)

    Raises:
        DatasetError: there are no photos, no captions, or no captions of the photos; or a file is not text.
    """
    folder = Path(folder)
    folders = find.search_folders(folder)
    table = read_table(Path(captions) if captions else find.find_captions(folder))
    photo_folder, files = (Path(photos), find.list_photos(Path(photos))) if photos else find.find_photo_folder(folder)
    if not files:
        raise DatasetError(f"{photo_folder}: holds no photos; name the folder of the photos")
    _rename(table, match_names(table.where, files))
    _check_match(table, photo_folder, files)
    splits, source, split_faults = _find_splits(table, folders, files)
    captioned = tuple(
        Photo(name, path, splits.get(name, ""), table.captions[name])
        for name, path in sorted(files.items())
        if name in table.captions
    )
    faults = (*table.faults, *_unmatched(table, photo_folder, files), *split_faults)
    terms = find_terms([*folders, table.path.parent], files)
    return Dataset(folder.resolve().name, folder, captioned, faults, source, terms)


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
            f"of them is among the {len(files)} photos in {photo_folder}; name the photo folder of these captions"
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
    return {name: hash_split(name) for name in files}, HASH_SOURCE, []
