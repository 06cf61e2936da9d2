"""Which captions each language is scored against."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from polycap.dataset import (
    HUMAN,
    CaptionSource,
    Dataset,
    count_origins,
    main_origin,
    read_captions,
    sources_of,
    with_sources,
)
from polycap.errors import DatasetError, EvaluationError
from polycap.language import Language
from polycap.pack.card import read_card

__all__ = ["choose_references", "parse_references", "select_references"]


def parse_references(texts: Iterable[str], known: Iterable[str]) -> dict[str, list[CaptionSource]]:
    """References as they are written on the command line: `CODE=FILE[,origin=ORIGIN]`, several for a language or none.

    Args:
        texts: what is written.
        known: the codes of the languages that will be scored.

    Raises:
        EvaluationError: no code, or one of no language that is trained.
        DatasetError: what follows the file is not understood.
    """
    codes = list(known)
    found: dict[str, list[CaptionSource]] = {}
    for text in texts:
        code, equals, source = text.partition("=")
        if not equals or not source:
            raise EvaluationError(
                f"`references` {text}: for several languages, name the language: CODE=FILE[,origin=ORIGIN]"
            )
        if code not in codes:
            raise EvaluationError(f"`references` {text}: {code!r} is not trained; there are {', '.join(codes)}")
        found.setdefault(code, []).append(CaptionSource.parse(source))
    return found


def choose_references(
    language: Language,
    dataset: Dataset,
    split: str,
    given: Mapping[str, Sequence[CaptionSource]],
    built: Path | None = None,
) -> Dataset:
    """The dataset with the captions that a language is scored against, all of one origin.

    They are those that are given; else those in `built`, the file of its build, if it is there; else those of the
    files that its folder names; else the dataset's own, if they are what its pack has learned from. Of several
    origins, what people wrote goes first.

    Raises:
        EvaluationError: there are none, or none of the split.
        DatasetError, PackError: a file of captions, or the pack's card, can't be read.
    """
    chosen = _choose(language, dataset, given.get(language.code, ()), built)
    photos = chosen.split(split)
    if not photos:
        raise EvaluationError(f"its references are of no photo of the {split} split of {dataset.folder}")
    return select_references(chosen, split, main_origin(photos))


def _choose(language: Language, dataset: Dataset, given: Sequence[CaptionSource], built: Path | None) -> Dataset:
    if given:
        chosen, faults = with_sources(dataset, given)
        if not chosen.photos:
            first = f"; the first fault in the file: {faults[0]}" if faults else ""
            names = ", ".join(str(source.path) for source in given)
            raise EvaluationError(f"{names}: no caption of a photo of {dataset.folder}{first}")
        return chosen
    if built is not None and built.is_file():
        captions, _ = read_captions(built)
        return dataset.with_captions(captions)
    if files := language.caption_files(dataset.folder):
        return with_sources(dataset, sources_of(files))[0]
    if read_card(language.pack_folder).data.get("fingerprint") == dataset.fingerprint():
        return dataset
    raise EvaluationError(
        f"it has learned from other captions than those in {dataset.folder}: give `references` {language.code}=FILE, "
        "or `work`, the folder of its build"
    )


def select_references(dataset: Dataset, split: str, origin: str | None = None) -> Dataset:
    """The dataset with captions of one origin: a score is against references of one kind, and names it.

    Where people wrote or revised some of the split's captions, it is those unless another origin is named.

    Args:
        dataset: photos and captions.
        split: the one to be scored.
        origin: the one to score against; not needed where the split's captions are all of one, or some are people's.

    Raises:
        DatasetError: no caption is of this origin; or there are several, none of them people's, and none is named.
    """
    found = count_origins(dataset.split(split))
    if origin is not None:
        return dataset.with_origin(origin)
    chief = main_origin(dataset.split(split))
    if len(found) > 1 and chief.startswith(HUMAN):
        return dataset.with_origin(chief)
    if len(found) > 1:
        counts = ", ".join(f"{count:,} {name}" for name, count in found.items())
        raise DatasetError(
            f"{dataset.name}: the {split} split has captions of several origins ({counts}); a score is against "
            f"one: choose it with `origin` {chief}"
        )
    return dataset
