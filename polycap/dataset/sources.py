"""Caption sources: caption files of the same photos, with origin and weight, merged."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from polycap.dataset.dataset import Dataset, DatasetFault, Photo, ReferenceCaption, count_origins
from polycap.dataset.load import load_dataset
from polycap.dataset.origins import HUMAN, is_human
from polycap.dataset.readers import read_captions
from polycap.dataset.rows import is_origin, is_weight
from polycap.errors import DatasetError

__all__ = ["CaptionSource", "load_with_captions", "main_origin", "read_sources", "sources_of", "with_sources"]

LEAST_COVERED = 0.25
"""Share of the photos that an origin needs captions of, to be preferred as references."""

_FORM = "FILE[,origin=ORIGIN][,weight=NUMBER]"


@dataclass(frozen=True, slots=True)
class CaptionSource:
    """Caption file with its origin and weight.

    Attributes:
        path: path of the file, in any known format.
        origin: origin of the captions whose file names none. (default: human)
        weight: factor on the weights of the captions: with 2, a caption is sampled in training twice as often as the
            photo's captions of weight 1. (default: 1)
    """

    path: Path
    origin: str = HUMAN
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str, origin: str | None = None) -> "CaptionSource":
        """Parse a source in the form of the command line, `FILE[,origin=ORIGIN][,weight=NUMBER]`.

        Args:
            text: the source.
            origin: origin of a source without `origin=`. (default: human)

        Raises:
            DatasetError: an unknown key, or a value that is not allowed.
        """
        path, *pairs = [text] if Path(text).is_file() else text.split(",")  # a file name may contain commas
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
        return cls(Path(path), values["origin"], _parse_weight(text, values["weight"]))


def _parse_weight(text: str, value: str) -> float:
    """Parse the weight of the source `text`."""
    try:
        weight = float(value)
    except ValueError:
        weight = 0.0
    if not is_weight(weight):
        raise DatasetError(f"{text}: weight {value!r}; expected a number above 0")
    return weight


def sources_of(files: Iterable[tuple[Path, str | None, float]]) -> list[CaptionSource]:
    """Return sources of paths, origins and weights, as `Language.caption_files` returns them; None means human."""
    return [CaptionSource(path, origin or HUMAN, weight) for path, origin, weight in files]


def load_with_captions(
    folder: str | PathLike[str],
    sources: Sequence[CaptionSource] = (),
    *,
    caption_file: str | PathLike[str] | None = None,
    photo_folder: str | PathLike[str] | None = None,
) -> tuple[Dataset, tuple[DatasetFault, ...]]:
    """Read a dataset; the captions of `sources`, if there are any, replace its own.

    Args:
        folder: the dataset's folder.
        sources: caption files. (default: none)
        caption_file, photo_folder: as for `load_dataset`.

    Returns:
        The dataset, and the faults of its captions, as for `with_sources`.

    Raises:
        DatasetError: the folder or a source can't be read.
    """
    dataset = load_dataset(folder, caption_file=caption_file, photo_folder=photo_folder)
    return with_sources(dataset, sources)


def with_sources(dataset: Dataset, sources: Sequence[CaptionSource]) -> tuple[Dataset, tuple[DatasetFault, ...]]:
    """Replace a dataset's captions by those of `sources`; without sources, return it unchanged.

    Returns:
        The dataset, and the faults of its captions: rows that were left out, then unknown photos. Without sources,
        these are the dataset's own faults.

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
    """Read several caption files and merge their captions by photo.

    In the first file that has a photo, its captions keep their indices. Captions of later files get the next indices.

    Returns:
        Captions by photo name, sorted by index; and the faults: rows that were left out, with file and line.

    Raises:
        DatasetError: a file can't be read, is not UTF-8 text, or is in no known format.
    """
    merged: dict[str, tuple[ReferenceCaption, ...]] = {}
    faults: list[DatasetFault] = []
    for source in sources:
        captions, file_faults = read_captions(source.path, source.origin)
        faults += file_faults
        for name, added in captions.items():
            earlier = merged.get(name, ())
            start = earlier[-1].index + 1 if earlier else 0
            numbered = enumerate(added, start) if earlier else ((caption.index, caption) for caption in added)
            merged[name] = earlier + tuple(
                replace(caption, index=index, weight=caption.weight * source.weight) for index, caption in numbered
            )
    return merged, faults


def main_origin(photos: Iterable[Photo]) -> str:
    """Return the preferred origin of references: written by people, or revised by people, or the most frequent.

    An origin with captions of less than a quarter of the photos is passed over while another has more: BLEU of a few
    dozen captions is too noisy to choose an epoch by.
    """
    photos = list(photos)
    counts = count_origins(photos)
    covered = Counter(origin for photo in photos for origin in {caption.origin for caption in photo.captions})
    enough = [origin for origin in counts if covered[origin] >= LEAST_COVERED * len(photos)]
    return max(
        enough or counts,
        key=lambda origin: (origin == HUMAN, is_human(origin), counts[origin]),
        default=HUMAN,
    )
