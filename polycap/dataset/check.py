"""`check_dataset`: everything that is in a dataset folder, and everything that is wrong with it, at once."""

import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from polycap.dataset.dataset import SPLITS, Dataset, DatasetFault, Photo
from polycap.dataset.load import load_dataset
from polycap.errors import PhotoError, reason_of
from polycap.files.progress import progress_bar
from polycap.machine.processor import core_count
from polycap.photos.formats import open_photo
from polycap.photos.limits import PhotoLimits

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
    faults: tuple[DatasetFault, ...]

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
    progress: bool | None = None,
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


def _undecodable(dataset: Dataset, progress: bool | None) -> list[DatasetFault]:
    """One fault for each photo that can't be decoded; all cores decode, Pillow letting go of the lock."""
    limits = PhotoLimits.of_environment()
    with warnings.catch_warnings(), ThreadPoolExecutor(core_count()) as pool:
        warnings.simplefilter("ignore")  # odd metadata is no fault
        decoded = pool.map(partial(_decode, limits=limits), dataset.photos)
        total = len(dataset.photos)
        bar = progress_bar(decoded, show=progress, total=total, unit=" photos", description="opening photos")
        return [fault for fault in bar if fault]


def _decode(photo: Photo, limits: PhotoLimits) -> DatasetFault | None:
    where = f"{photo.path.parent.resolve().name}/{photo.name}"
    try:
        with open_photo(photo.path, _SIDE, limits) as image:
            image.load()
    except PhotoError as error:
        return DatasetFault(where, str(error))
    # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more on broken bytes
    except Exception as error:
        reason = reason_of(error).replace(repr(str(photo.path)), "the file")
        return DatasetFault(where, f"can't be decoded ({reason})")
    return None
