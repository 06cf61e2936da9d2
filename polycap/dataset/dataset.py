"""Dataset model: photos, their captions and splits, and the faults of the files."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from polycap.dataset.names import match_names
from polycap.dataset.origins import HUMAN
from polycap.errors import DatasetError
from polycap.files import digest

__all__ = ["SPLITS", "Dataset", "DatasetFault", "Photo", "ReferenceCaption", "count_origins", "join_origins"]

SPLITS = ("train", "dev", "test")
"""Names of the splits."""


@dataclass(frozen=True, slots=True)
class ReferenceCaption:
    """Reference caption of a photo.

    Attributes:
        index: number of the caption among those of its photo, from 0, as in `image#i`.
        text: text of the caption, not normalised.
        origin: its author: "human", "human-revised", or a translation such as "mt:argos/en_de@1.0". (default: human)
        weight: relative frequency in training, among the captions of the photo. (default: 1)
    """

    index: int
    text: str
    origin: str = HUMAN
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Photo:
    """Photo of a dataset.

    Attributes:
        name: file name, which is unique in the dataset.
        path: path of the file.
        split: "train", "dev", "test", or "" for none.
        captions: reference captions, sorted by index.
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
        name: name of the folder.
        folder: the dataset's folder.
        photos: photos that have a file and at least one caption, sorted by name.
        faults: faults of the files; faulty photos and captions are left out.
        split_source: source of the splits: "official files …", "karpathy", "csv column", "jsonl field" or
            "hash of the photo's name".
        terms: terms of use of photos and captions, as far as they are known. A pack that is trained on the dataset
            carries them. (default: none)
    """

    name: str
    folder: Path
    photos: tuple[Photo, ...]
    faults: tuple[DatasetFault, ...]
    split_source: str
    terms: tuple[str, ...] = ()

    @property
    def caption_origin(self) -> str:
        """Origins of the captions, such as "human" or "human+mt:argos/en_de@1.0"."""
        return join_origins(self.photos)

    def split(self, name: str) -> tuple[Photo, ...]:
        """Return the photos of one split, sorted by name.

        Raises:
            DatasetError: `name` is not train, dev or test.
        """
        if name not in SPLITS:
            raise DatasetError(f"split {name!r}: no such split; choose one of {', '.join(SPLITS)}")
        return tuple(photo for photo in self.photos if photo.split == name)

    def with_captions(
        self, captions: Mapping[str, tuple[ReferenceCaption, ...]], origin: str | None = None
    ) -> "Dataset":
        """Return the same photos and splits with other captions, such as those of another language.

        Photos without captions are left out. Captions of unknown photos are left out, too, and reported as one fault.

        Args:
            captions: captions by photo name, as `read_captions` or `read_sources` returns them.
            origin: origin of all captions. (default: the origin of each caption)
        """
        if origin is not None:
            captions = {
                name: tuple(replace(caption, origin=origin) for caption in photo_captions)
                for name, photo_captions in captions.items()
            }
        meant = match_names(captions, {photo.name for photo in self.photos})
        captions = {meant.get(name, name): photo_captions for name, photo_captions in captions.items()}
        photos = tuple(
            replace(photo, captions=captions[photo.name]) for photo in self.photos if captions.get(photo.name)
        )
        unknown = sorted(captions.keys() - {photo.name for photo in self.photos})
        faults = self.faults
        if unknown:
            shown = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
            message = f"{len(unknown)} photos with captions are not in {self.name}: {shown}; left out"
            origins = "+".join(sorted({caption.origin for name in unknown for caption in captions[name]}))
            faults = (*faults, DatasetFault(f"captions ({origins})", message))
        return replace(self, photos=photos, faults=faults)

    def with_origin(self, origin: str) -> "Dataset":
        """Return the dataset with only the captions of this origin, and only the photos that have one.

        Raises:
            DatasetError: no caption is of this origin.
        """
        captions = {
            photo.name: tuple(caption for caption in photo.captions if caption.origin == origin)
            for photo in self.photos
        }
        chosen = self.with_captions(captions)
        if not chosen.photos:
            known = ", ".join(count_origins(self.photos))
            raise DatasetError(f"{self.name}: no caption of origin {origin!r}; its captions are of {known}")
        return chosen

    def fingerprint(self) -> str:
        """Return a stable hash, 16 hexadecimal digits, of the photos' names, splits and captions.

        Weights are hashed, too, but for 1, which leaves the hash of a dataset without weights as it was before them.
        """
        return digest(
            [
                [photo.name, photo.split, [_hashed_fields(caption) for caption in photo.captions]]
                for photo in self.photos
            ]
        )


def _hashed_fields(caption: ReferenceCaption) -> list[object]:
    """Return the fields of a caption that the fingerprint hashes."""
    return [caption.index, caption.text, *([caption.weight] if caption.weight != 1 else [])]


def count_origins(photos: Iterable[Photo]) -> dict[str, int]:
    """Return the number of captions by origin, sorted by origin."""
    return dict(sorted(Counter(caption.origin for photo in photos for caption in photo.captions).items()))


def join_origins(photos: Iterable[Photo]) -> str:
    """Return the origins of all captions, sorted and joined by `+`; "human" if there are no captions."""
    return "+".join(count_origins(photos)) or HUMAN
