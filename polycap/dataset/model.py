"""What a dataset is: photos, their captions, their splits, and what was wrong with the files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from polycap.errors import DatasetError
from polycap.files import digest

__all__ = ["SPLITS", "Caption", "Dataset", "Fault", "Photo"]

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class Caption:
    """One caption of a photo; `index` is the i of `image#i`, from 0."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo: its file name, where it lies, its split ("" for none) and its captions by index."""

    name: str
    path: Path
    split: str
    captions: tuple[Caption, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in the files: where (`captions.txt:17`, `Images/x.jpg`) and what."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class Dataset:
    """Photos with captions, each in at most one split.

    Attributes:
        name: the folder's name.
        folder: the folder that was read.
        photos: every photo that has a file and at least one caption, sorted by name.
        faults: everything wrong in the files; the photos and captions concerned are left out.
        split_source: where the splits come from: "official files …", "karpathy", "csv column",
            "jsonl field" or "hash of the photo's name".
        caption_origin: what the captions are: "human", or the name of a translation.
    """

    name: str
    folder: Path
    photos: tuple[Photo, ...]
    faults: tuple[Fault, ...]
    split_source: str
    caption_origin: str = "human"

    def split(self, name: str) -> tuple[Photo, ...]:
        """The photos of one split, sorted by name.

        Raises:
            DatasetError: `name` is not train, dev or test.
        """
        if name not in SPLITS:
            raise DatasetError(f"split {name!r}: no such split; choose one of {', '.join(SPLITS)}")
        return tuple(photo for photo in self.photos if photo.split == name)

    def with_captions(self, captions: Mapping[str, tuple[Caption, ...]], origin: str) -> "Dataset":
        """The same photos and splits with other captions, such as those of another language.

        Photos for which `captions` has nothing are left out. Names that are no photo of this dataset are
        left out too, and reported together as one fault.

        Args:
            captions: photo name -> captions, as `read_captions` gives them.
            origin: what they are ("human", "argos en->de 1.0", …).
        """
        kept = tuple(replace(p, captions=captions[p.name]) for p in self.photos if captions.get(p.name))
        unknown = sorted(captions.keys() - {photo.name for photo in self.photos})
        faults = self.faults
        if unknown:
            shown = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
            message = f"{len(unknown)} photos with captions are not in {self.name}: {shown}; left out"
            faults = (*faults, Fault(f"captions ({origin})", message))
        return replace(self, photos=kept, faults=faults, caption_origin=origin)

    def fingerprint(self) -> str:
        """A stable hash (16 hexadecimal digits) of the photos' names, splits and captions."""
        return digest([[p.name, p.split, [[c.index, c.text] for c in p.captions]] for p in self.photos])
