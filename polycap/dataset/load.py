"""`load_dataset`: photos, captions and splits put together, with everything that is wrong named."""

from os import PathLike
from pathlib import Path

from polycap.dataset import find
from polycap.dataset.dataset import Dataset, DatasetFault, Photo
from polycap.dataset.readers import CaptionTable, read_table
from polycap.dataset.splits import HASH_SOURCE, hash_split, read_official, resolve
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

    Photos lie in `Images`, `Flicker8k_Dataset`, `Flickr8k_Dataset`, `images`, the folder itself, or its
    only subfolder of photos. Captions are the first of `Flickr8k.token.txt`, `captions.txt`,
    `dataset_flickr8k.json`, another `dataset_*.json`, the only `*.csv` and the only `*.jsonl`, in the
    folder or one level down. Splits come from the official `Flickr_8k.{train,dev,test}Images.txt`, else
    from the caption file, else from a Karpathy JSON beside it, else from a hash of each photo's name (80%
    train, 10% dev, 10% test); `split_source` says which. Terms come from `TERMS.txt`; Flickr8k's are known
    by its photos' names and its files.

    Photos are listed, not opened: `check_dataset` opens them.

    Args:
        folder: the dataset's folder.
        captions: the caption file, when it is not the one that would be found.
        photos: the photo folder, when it is not the one that would be found.

    Raises:
        DatasetError: no photos, no captions, a file that is not text, or no caption that fits a photo.
    """
    folder = Path(folder)
    folders = find.search_folders(folder)
    table = read_table(Path(captions) if captions else find.find_captions(folder))
    place, files = (Path(photos), find.list_photos(Path(photos))) if photos else find.find_photo_folder(folder)
    if not files:
        raise DatasetError(f"{place}: holds no photos; name the folder of the photos")
    _require_match(table, place, files)
    splits, source, split_faults = _find_splits(table, folders, files)
    kept = tuple(
        Photo(name, path, splits.get(name, ""), table.captions[name])
        for name, path in sorted(files.items())
        if name in table.captions
    )
    faults = (*table.faults, *_unmatched(table, place, files), *split_faults)
    terms = find_terms([*folders, table.path.parent], files)
    return Dataset(folder.resolve().name, folder, kept, faults, source, terms)


def _require_match(table: CaptionTable, place: Path, files: dict[str, Path]) -> None:
    if not table.captions:
        first = f"; the first fault: {table.faults[0]}" if table.faults else ""
        raise DatasetError(f"{table.path}: holds no usable caption{first}")
    if table.captions.keys().isdisjoint(files):
        raise DatasetError(
            f"{table.path}: names {len(table.captions)} photos ({next(iter(table.captions))}, …), and none "
            f"of them is among the {len(files)} photos in {place}; name the photo folder of these captions"
        )


def _unmatched(table: CaptionTable, place: Path, files: dict[str, Path]) -> list[DatasetFault]:
    """Captions without a photo, and photos without a caption: one fault for each photo."""
    label = place.resolve().name
    missing = [
        DatasetFault(table.where[name], f"no photo {name!r} in {label}; its {len(rows)} captions are left out")
        for name, rows in table.captions.items()
        if name not in files
    ]
    bare = [
        DatasetFault(f"{label}/{name}", f"no caption in {table.path.name}; the photo is left out")
        for name in sorted(files)
        if name not in table.captions
    ]
    return missing + bare


def _find_splits(
    table: CaptionTable, folders: list[Path], files: dict[str, Path]
) -> tuple[dict[str, str], str, list[DatasetFault]]:
    """Each photo's split, where the splits come from, and what is wrong with them."""
    places = [*folders, table.path.parent]
    official = read_official(places)
    if official:
        assignments, faults = official
        splits, conflicts = resolve(assignments)
        known = files.keys() | table.where.keys()  # those without a photo are named already
        missing = [
            DatasetFault(where, f"no photo {name!r} and no caption of it")
            for name, _, where in assignments
            if name not in known
        ]
        return splits, "official files Flickr_8k.{train,dev,test}Images.txt", faults + conflicts + missing
    if table.assignments:
        splits, faults = resolve(table.assignments)
        return splits, table.split_source, faults
    karpathy = find.find_karpathy(places)
    if karpathy:
        splits, faults = resolve(read_table(karpathy).assignments)
        return splits, "karpathy", faults
    return {name: hash_split(name) for name in files}, HASH_SOURCE, []
