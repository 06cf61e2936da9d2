"""Which captions each language is scored against."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from polycap.build.job import CAPTIONS
from polycap.dataset import (
    CaptionSource,
    Dataset,
    chief_origin,
    language_sources,
    read_captions,
    read_sources,
    score_against,
)
from polycap.decoder.pack import read_card
from polycap.errors import EvaluationError
from polycap.language import Language

__all__ = ["parse_references", "references_of"]


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
            raise EvaluationError(f"--references {text}: with --all, say whose: CODE=FILE[,origin=ORIGIN]")
        if code not in codes:
            raise EvaluationError(f"--references {text}: {code!r} is not trained; there are {', '.join(codes)}")
        found.setdefault(code, []).append(CaptionSource.parse(source))
    return found


def references_of(
    language: Language,
    dataset: Dataset,
    split: str,
    given: Mapping[str, Sequence[CaptionSource]],
    work: Path | None = None,
) -> Dataset:
    """The dataset with the captions that a language is scored against, all of one origin.

    They are those that are given; else those that its build in `work` has learned from; else those of the files that
    its folder names; else the dataset's own, if they are what its pack has learned from. Of several origins, what
    people wrote goes first.

    Raises:
        EvaluationError: there are none, or none of the split.
        DatasetError, PackError: a file of captions, or the pack's card, can't be read.
    """
    chosen = _choose(language, dataset, given.get(language.code, ()), work)
    photos = chosen.split(split)
    if not photos:
        raise EvaluationError(f"its references are of no photo of the {split} split of {dataset.folder}")
    return score_against(chosen, split, chief_origin(photos))


def _choose(language: Language, dataset: Dataset, given: Sequence[CaptionSource], work: Path | None) -> Dataset:
    if given:
        captions, faults = read_sources(given)
        chosen = dataset.with_captions(captions)
        if not chosen.photos:
            first = f"; the first fault in the file: {faults[0]}" if faults else ""
            names = ", ".join(str(source.path) for source in given)
            raise EvaluationError(f"{names}: no caption of a photo of {dataset.folder}{first}")
        return chosen
    built = work / language.code / CAPTIONS if work else None
    if built is not None and built.is_file():
        captions, _ = read_captions(built)
        return dataset.with_captions(captions)
    if sources := language_sources(language, dataset.folder):
        return dataset.with_captions(read_sources(sources)[0])
    if read_card(language.pack_folder).data.get("fingerprint") == dataset.fingerprint():
        return dataset
    raise EvaluationError(
        f"it has learned from other captions than those in {dataset.folder}: give --references {language.code}=FILE, "
        "or --work, the folder of its build"
    )
