"""Splits: every photo is in at most one, and a photo of the test split is never in train."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from polycap.dataset.dataset import DatasetFault
from polycap.dataset.names import photo_key
from polycap.dataset.readers import read_text_file

__all__ = [
    "HASH_SOURCE",
    "OFFICIAL_FILES",
    "Assignment",
    "hash_split",
    "hash_splits",
    "is_split",
    "read_official",
    "resolve_splits",
]

Assignment = tuple[str, str, str]
"""Name of a photo, its split as written, and the file and line of that."""

OFFICIAL_FILES = {
    "test": "Flickr_8k.testImages.txt",
    "dev": "Flickr_8k.devImages.txt",
    "train": "Flickr_8k.trainImages.txt",
}
"""Names of the split files of the Flickr8k release."""

HASH_SOURCE = "hash of the photo's name"
"""Source of the splits of a dataset without splits, as `Dataset.split_source` names it."""

_SPELLINGS = {
    "": "",
    "train": "train",
    "training": "train",
    "restval": "train",  # Karpathy's: validation photos that papers train on
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
    "testing": "test",
}
# A photo that is listed in two splits is kept in the first of these, so that no test photo is trained on.
_PRECEDENCE = ("test", "dev", "train", "")


def is_split(name: str) -> bool:
    """Return whether a name is one of a split, as datasets spell them."""
    return bool(_SPELLINGS.get(name.strip().lower()))


def hash_split(name: str) -> str:
    """Return a split by the hash of a photo's name: 80% train, 10% dev, 10% test, the same on every machine."""
    position = _position(name)
    return "train" if position < 0.8 else "dev" if position < 0.9 else "test"


def _position(name: str) -> float:
    """Return a number from 0 to 1 by the hash of a photo's name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def hash_splits(names: Iterable[str]) -> dict[str, str]:
    """Return splits by hash, so that train and dev have a photo each, where there are two photos."""
    splits = {name: hash_split(name) for name in names}
    order = sorted(splits, key=_position)
    if len(order) > 1 and "train" not in splits.values():
        splits[order[0]] = "train"
    if len(order) > 1 and "dev" not in splits.values():
        train = [name for name in order if splits[name] == "train"]
        splits[train[-1] if len(train) > 1 else order[-1]] = "dev"
    return splits


def resolve_splits(assignments: Iterable[Assignment]) -> tuple[dict[str, str], list[DatasetFault]]:
    """Return the split of each photo, and a fault per contradiction or unknown split."""
    splits: dict[str, str] = {}
    faults: list[DatasetFault] = []
    for name, written, where in assignments:
        split = _SPELLINGS.get(written.strip().lower())
        if split is None:
            faults.append(DatasetFault(where, f"unknown split {written!r} of {name!r}; expected train, dev or test"))
            continue
        earlier = splits.setdefault(name, split)
        if earlier != split:
            splits[name] = min(earlier, split, key=_PRECEDENCE.index)
            both = f"{earlier or 'no split'} and {split or 'no split'}"
            faults.append(DatasetFault(where, f"{name!r} is in {both}; kept in {splits[name]} only"))
    return splits, faults


def read_official(folders: Iterable[Path]) -> tuple[list[Assignment], list[DatasetFault]] | None:
    """Read the official split files of the first folder that has at least one; None if no folder has one.

    Returns:
        Assignments of photos to splits; and a fault per missing file.

    Raises:
        DatasetError: a split file is not UTF-8 text.
    """
    for folder in folders:
        paths = {split: folder / name for split, name in OFFICIAL_FILES.items()}
        present = {split: path for split, path in paths.items() if path.is_file()}
        if present:
            break
    else:
        return None
    faults = [
        DatasetFault(name, f"missing, though other split files are here; the {split} split is empty")
        for split, name in OFFICIAL_FILES.items()
        if split not in present
    ]
    return [item for split, path in present.items() for item in _read_split_file(split, path)], faults


def _read_split_file(split: str, path: Path) -> list[Assignment]:
    """Read a file of photo names, one per line."""
    lines = enumerate(read_text_file(path).split("\n"), 1)
    return [(photo_key(line), split, f"{path.name}:{number}") for number, line in lines if line.strip()]
