"""`check_dataset`: everything that is in a dataset folder, and everything that is wrong with it, at once."""

import os
import sys
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from polycap.dataset.load import load_dataset
from polycap.dataset.model import SPLITS, Dataset, Fault, Photo
from polycap.errors import PhotoError
from polycap.photo_limits import PhotoLimits
from polycap.photos import open_photo

__all__ = ["DatasetReport", "check_dataset"]

_SIDE = 600
"""Pixels that a JPEG is decoded to, as captions need it: whether all of it can be decoded shows then, too."""


@dataclass(frozen=True)
class DatasetReport:
    """What `check_dataset` found.

    Attributes:
        name: the folder's name.
        folder: the folder that was read.
        photos: photos with at least one caption.
        captions: their captions.
        splits: photos by split; "none" counts those in no split, which is no fault.
        split_source: where the splits come from, as in `Dataset`.
        captions_per_photo: the fewest, the mean and the most captions of a photo.
        decoded: whether every photo was opened.
        faults: everything that is wrong, in the files' order, undecodable photos last.
    """

    name: str
    folder: Path
    photos: int
    captions: int
    splits: dict[str, int]
    split_source: str
    captions_per_photo: tuple[int, float, int]
    decoded: bool
    faults: tuple[Fault, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        fewest, mean, most = self.captions_per_photo
        return {
            "name": self.name,
            "folder": str(self.folder),
            "photos": self.photos,
            "captions": self.captions,
            "splits": self.splits,
            "split_source": self.split_source,
            "captions_per_photo": {"min": fewest, "mean": mean, "max": most},
            "decoded": self.decoded,
            "faults": [{"where": fault.where, "message": fault.message} for fault in self.faults],
        }

    def lines(self) -> list[str]:
        """The report as text for a person: the counts, then one line for each fault."""
        fewest, mean, most = self.captions_per_photo
        splits = ", ".join(f"{count:,} {name}" for name, count in self.splits.items() if name != "none")
        return [
            f"{self.name}: {self.photos:,} photos, {self.captions:,} captions",
            f"captions per photo: {fewest} to {most}, {mean:.2f} on average",
            f"splits: {splits}; {self.splits['none']:,} in none (from {self.split_source})",
            f"photos opened: {'all' if self.decoded else 'none'}",
            f"faults: {len(self.faults):,}",
            *(f"  {fault}" for fault in self.faults),
        ]


def check_dataset(
    folder: Path,
    decode: bool = True,
    *,
    captions: Path | None = None,
    photos: Path | None = None,
    progress: bool = True,
) -> DatasetReport:
    """Read a dataset folder and, with `decode`, open every photo of it.

    Args:
        folder: the dataset's folder.
        decode: decode every photo in full; without it photos are only listed.
        captions: the caption file, as for `load_dataset`.
        photos: the photo folder, as for `load_dataset`.
        progress: draw a bar on stderr, when that is a terminal.

    Raises:
        DatasetError: nothing in the folder can be used, as for `load_dataset`.
    """
    dataset = load_dataset(folder, captions=captions, photos=photos)
    broken = _undecodable(dataset, progress) if decode else []
    counts = [len(photo.captions) for photo in dataset.photos]
    splits = Counter(photo.split for photo in dataset.photos)
    return DatasetReport(
        name=dataset.name,
        folder=folder,
        photos=len(counts),
        captions=sum(counts),
        splits={**{name: splits[name] for name in SPLITS}, "none": splits[""]},
        split_source=dataset.split_source,
        captions_per_photo=(min(counts), sum(counts) / len(counts), max(counts)),
        decoded=decode,
        faults=(*dataset.faults, *broken),
    )


def _undecodable(dataset: Dataset, progress: bool) -> list[Fault]:
    """One fault for each photo that can't be decoded; all cores decode, Pillow letting go of the lock."""
    limits = PhotoLimits.of_environment()
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("ignore")  # odd metadata is no fault
        bar = tqdm(
            pool.map(partial(_decode, limits=limits), dataset.photos),
            desc="opening photos",
            total=len(dataset.photos),
            unit=" photos",
            file=sys.stderr,
            disable=None if progress else True,  # None: off where stderr is no terminal
        )
        return [fault for fault in bar if fault]


def _decode(photo: Photo, limits: PhotoLimits) -> Fault | None:
    where = f"{photo.path.parent.resolve().name}/{photo.name}"
    try:
        with open_photo(photo.path, _SIDE, limits) as image:
            image.load()
    except PhotoError as error:
        return Fault(where, str(error))
    # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more on broken bytes
    except Exception as error:
        reason = " ".join(str(error).replace(repr(str(photo.path)), "the file").split())
        return Fault(where, f"can't be decoded ({reason or type(error).__name__})")
    return None
