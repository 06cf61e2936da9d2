"""What a dataset is: photos, their captions, their splits, and what was wrong with the files."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from polycap.errors import DatasetError
from polycap.files import digest

__all__ = ["HUMAN", "SPLITS", "Dataset", "DatasetFault", "Photo", "ReferenceCaption", "count_origins", "join_origins"]

SPLITS = ("train", "dev", "test")
HUMAN = "human"
"""The origin of captions that people wrote, and of those whose file says nothing."""


@dataclass(frozen=True, slots=True)
class ReferenceCaption:
    """One caption of a photo.

    Attributes:
        index: the i of `image#i`, from 0.
        text: the caption.
        origin: who wrote it: "human", "human-revised", or a translation such as "mt:argos/en_de@1.0".
        weight: how often it is learned from, compared with the photo's other captions.
    """

    index: int
    text: str
    origin: str = HUMAN
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a dataset.

    Attributes:
        name: its file name.
        path: the file.
        split: train, dev, test, or "" for none.
        captions: by index.
    """

    name: str
    path: Path
    split: str
    captions: tuple[ReferenceCaption, ...]


@dataclass(frozen=True, slots=True)
class DatasetFault:
    """Fault in a dataset's files.

    Attributes:
        where: file and line, or photo, such as `captions.txt:17` or `Images/x.jpg`.
        message: description of the fault.
    """

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
        terms: of photos and captions, as far as they are known; a pack that is trained on them carries these.
    """

    name: str
    folder: Path
    photos: tuple[Photo, ...]
    faults: tuple[DatasetFault, ...]
    split_source: str
    terms: tuple[str, ...] = ()

    @property
    def caption_origin(self) -> str:
        """What the captions are: one origin, or several, such as "human+mt:argos/en_de@1.0"."""
        return join_origins(self.photos)

    def split(self, name: str) -> tuple[Photo, ...]:
        """The photos of one split, sorted by name.

        Raises:
            DatasetError: `name` is not train, dev or test.
        """
        if name not in SPLITS:
            raise DatasetError(f"split {name!r}: no such split; choose one of {', '.join(SPLITS)}")
        return tuple(photo for photo in self.photos if photo.split == name)

    def with_captions(
        self, captions: Mapping[str, tuple[ReferenceCaption, ...]], origin: str | None = None
    ) -> "Dataset":
        """The same photos and splits with other captions, such as those of another language.

        Photos for which `captions` has nothing are left out. Names that are no photo of this dataset are
        left out too, and reported together as one fault.

        Args:
            captions: photo name -> captions, as `read_captions` or `read_sources` gives them.
            origin: what they all are; without it, what each of them says.
        """
        if origin is not None:
            captions = {name: tuple(replace(c, origin=origin) for c in found) for name, found in captions.items()}
        kept = tuple(replace(p, captions=captions[p.name]) for p in self.photos if captions.get(p.name))
        unknown = sorted(captions.keys() - {photo.name for photo in self.photos})
        faults = self.faults
        if unknown:
            shown = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
            message = f"{len(unknown)} photos with captions are not in {self.name}: {shown}; left out"
            origins = "+".join(sorted({caption.origin for name in unknown for caption in captions[name]}))
            faults = (*faults, DatasetFault(f"captions ({origins})", message))
        return replace(self, photos=kept, faults=faults)

    def of_origin(self, origin: str) -> "Dataset":
        """The photos that have captions of this origin, with those alone.

        Raises:
            DatasetError: there are none.
        """
        found = {photo.name: tuple(c for c in photo.captions if c.origin == origin) for photo in self.photos}
        chosen = self.with_captions(found)
        if not chosen.photos:
            known = ", ".join(count_origins(self.photos))
            raise DatasetError(f"{self.name}: no caption of origin {origin!r}; there are those of {known}")
        return chosen

    def fingerprint(self) -> str:
        """A stable hash (16 hexadecimal digits) of the photos' names, splits and captions, and of weights but 1."""
        return digest([[p.name, p.split, [_marks(caption) for caption in p.captions]] for p in self.photos])


def _marks(caption: ReferenceCaption) -> list[object]:
    return [caption.index, caption.text, *([caption.weight] if caption.weight != 1 else [])]


def count_origins(photos: Iterable[Photo]) -> dict[str, int]:
    """How many captions of each origin there are, by origin, sorted."""
    return dict(sorted(Counter(caption.origin for photo in photos for caption in photo.captions).items()))


def join_origins(photos: Iterable[Photo]) -> str:
    """The origins of all captions, sorted, with + between; "human" where there are no captions."""
    return "+".join(count_origins(photos)) or HUMAN
