"""Check of a dataset folder: its contents, and all of its faults at once."""

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
from polycap.photos.quiet import quiet_pillow

__all__ = ["DatasetReport", "check_dataset"]

_SIDE = 600
"""Size that a JPEG is decoded at, pixels, as for captions; a broken JPEG fails at this size, too."""


@dataclass(frozen=True)
class DatasetReport:
    """Result of `check_dataset`.

    Attributes:
        name: name of the folder.
        folder: the dataset's folder.
        photos: number of photos that have a file and at least one caption.
        captions: number of their captions.
        splits: number of photos by split; "none" is the number of photos without a split, which is no fault.
        split_source: source of the splits, as in `Dataset`.
        captions_per_photo: minimum, mean and maximum number of captions per photo.
        decoded: whether every photo was decoded.
        faults: all faults, in the order of the files; photos that can't be decoded come last.
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
        """Return the report as values that JSON can represent."""
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
        """Return the report as lines of text: the counts, then one line per fault."""
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
    caption_file: Path | None = None,
    photo_folder: Path | None = None,
    progress: bool | None = None,
) -> DatasetReport:
    """Read a dataset folder and decode its photos.

    Args:
        folder: the dataset's folder.
        decode: whether to decode every photo in full, or only to list the photos. (default: True)
        caption_file, photo_folder: as for `load_dataset`.
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Raises:
        DatasetError: nothing in the folder can be used, as for `load_dataset`.
    """
    dataset = load_dataset(folder, caption_file=caption_file, photo_folder=photo_folder)
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
    """Return one fault per photo that can't be decoded. Threads use all cores: Pillow releases the GIL."""
    limits = PhotoLimits.of_environment()
    with quiet_pillow(), ThreadPoolExecutor(core_count()) as pool:
        decoded = pool.map(partial(_decode, limits=limits), dataset.photos)
        total = len(dataset.photos)
        bar = progress_bar(decoded, show=progress, total=total, unit=" photos", description="opening photos")
        return [fault for fault in bar if fault]


def _decode(photo: Photo, limits: PhotoLimits) -> DatasetFault | None:
    """Decode one photo; return its fault, or None."""
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
