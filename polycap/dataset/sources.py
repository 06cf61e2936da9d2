"""Captions of the same photos from several files: where each comes from, how much it weighs, and all put together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from polycap.dataset.dataset import HUMAN, Dataset, DatasetFault, Photo, ReferenceCaption, count_origins
from polycap.dataset.load import load_dataset
from polycap.dataset.readers import is_origin, is_weight, read_captions
from polycap.errors import DatasetError

__all__ = ["CaptionSource", "load_with_captions", "main_origin", "read_sources", "sources_of", "with_sources"]

_FORM = "FILE[,origin=ORIGIN][,weight=NUMBER]"


@dataclass(frozen=True, slots=True)
class CaptionSource:
    """One file of captions.

    Attributes:
        path: the file, in any known format.
        origin: who wrote the captions of which the file itself does not say.
        weight: how often they are learned from: with weight 2, twice as often as a photo's captions of weight 1.
    """

    path: Path
    origin: str = HUMAN
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str, origin: str | None = None) -> "CaptionSource":
        """A source as it is written on the command line: `FILE[,origin=ORIGIN][,weight=NUMBER]`.

        Args:
            text: what is written.
            origin: of a file without `origin=`; human unless given.

        Raises:
            DatasetError: an unknown key, or a value that is not allowed.
        """
        path, *pairs = [text] if Path(text).is_file() else text.split(",")  # a file's name may hold commas
        values: dict[str, str] = {"origin": HUMAN if origin is None else origin, "weight": "1"}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals or key not in values:
                raise DatasetError(f"{text}: {pair!r} is not understood; expected {_FORM}")
            values[key] = value
        if not is_origin(values["origin"]):
            raise DatasetError(
                f"{text}: origin {values['origin']!r}; expected a name such as human or mt:google: no space, comma or |"
            )
        return cls(Path(path), values["origin"], _weight(text, values["weight"]))


def _weight(text: str, value: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        weight = 0.0
    if not is_weight(weight):
        raise DatasetError(f"{text}: weight {value!r}; expected a number above 0")
    return weight


def sources_of(files: Iterable[tuple[Path, str | None, float]]) -> list[CaptionSource]:
    """Return sources from paths, origins and weights, as `Language.caption_files` gives them; no origin: human."""
    return [CaptionSource(path, origin or HUMAN, weight) for path, origin, weight in files]


def load_with_captions(
    folder: str | PathLike[str], sources: Sequence[CaptionSource] = ()
) -> tuple[Dataset, tuple[DatasetFault, ...]]:
    """Read a dataset, with the captions of `sources` in place of its own where there are sources.

    Returns:
        the dataset, and the faults of those captions, as for `with_sources`.

    Raises:
        DatasetError: the folder or a source can't be read.
    """
    return with_sources(load_dataset(folder), sources)


def with_sources(dataset: Dataset, sources: Sequence[CaptionSource]) -> tuple[Dataset, tuple[DatasetFault, ...]]:
    """Put the captions of `sources` in place of a dataset's own; without sources it stays as it is.

    Returns:
        the dataset, and the faults of its captions: rows that were left out, then photos that it lacks. Its own
        faults if there are no sources.

    Raises:
        DatasetError: a source can't be read.
    """
    if not sources:
        return dataset, dataset.faults
    captions, faults = read_sources(sources)
    chosen = dataset.with_captions(captions)
    return chosen, (*faults, *chosen.faults[len(dataset.faults) :])


def read_sources(
    sources: Iterable[CaptionSource],
) -> tuple[dict[str, tuple[ReferenceCaption, ...]], list[DatasetFault]]:
    """The captions of several files together.

    A photo's captions keep their indices in the first file that has the photo; those of later files are numbered on
    from the highest index so far.

    Returns:
        photo name -> captions sorted by index; and the rows that were left out, with file and line.

    Raises:
        DatasetError: a file can't be read, is not UTF-8 text, or is in no known format.
    """
    merged: dict[str, tuple[ReferenceCaption, ...]] = {}
    faults: list[DatasetFault] = []
    for source in sources:
        captions, wrong = read_captions(source.path, source.origin)
        faults += wrong
        for name, found in captions.items():
            before = merged.get(name, ())
            start = before[-1].index + 1 if before else 0
            numbered = enumerate(found, start) if before else ((caption.index, caption) for caption in found)
            merged[name] = before + tuple(
                replace(caption, index=index, weight=caption.weight * source.weight) for index, caption in numbered
            )
    return merged, faults


def main_origin(photos: Iterable[Photo]) -> str:
    """The origin to judge by, where there are several: what people wrote, or revised, or else the most frequent."""
    counts = count_origins(photos)
    return max(counts, key=lambda o: (o == HUMAN, o.startswith(HUMAN), counts[o]), default=HUMAN)
