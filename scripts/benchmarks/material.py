"""Photos and captions for the stages, repeated if there are fewer than requested."""

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.options import BenchError, Options

if TYPE_CHECKING:
    from polycap.dataset import Dataset

__all__ = ["captions", "dataset", "part", "photos", "repeated"]

Item = TypeVar("Item")


def dataset(options: Options) -> "Dataset":
    """Load the dataset of `--data`.

    Raises:
        BenchError: `--data` was not given.
    """
    from polycap.dataset import load_dataset

    if options.data is None:
        raise BenchError("needs --data FOLDER, a dataset with its captions")
    return load_dataset(options.data)


def photos(options: Options) -> list[Path]:
    """Return `--photos` photos of `--photos-from`, or of the dataset."""
    from polycap.photos.find import find_photos

    if options.photos_from is None and options.data is None:
        raise BenchError("needs photos: --photos-from FOLDER or --data FOLDER")
    if options.photos_from is not None:
        return repeated(find_photos(options.photos_from).photos, options.photos)
    return repeated([photo.path for photo in dataset(options).photos], options.photos)


def captions(options: Options) -> list[str]:
    """Return `--captions` different captions, evenly spaced in the whole dataset."""
    texts = (" ".join(caption.text.split()) for photo in dataset(options).photos for caption in photo.captions)
    return part(list(dict.fromkeys(texts)), options.captions)


def repeated(items: Sequence[Item], count: int) -> list[Item]:
    """Return `count` items, repeated from the first one after the last one; all of them once if `count` is 0."""
    return list(islice(cycle(items), count or len(items)))


def part(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most `count` items, evenly spaced among all, for a baseline."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]
