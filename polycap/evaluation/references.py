"""Choice of the references that a language is scored against."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from polycap.dataset import (
    CaptionSource,
    Dataset,
    count_origins,
    is_human,
    main_origin,
    read_captions,
    sources_of,
    with_sources,
)
from polycap.errors import DatasetError, EvaluationError
from polycap.language import Language
from polycap.language.tags import same_language
from polycap.pack.card import read_card

__all__ = ["choose_references", "parse_references", "select_references"]


def parse_references(texts: Iterable[str], known: Iterable[str]) -> dict[str, list[CaptionSource]]:
    """Parse references in the form of the command line, `CODE=FILE[,origin=ORIGIN]`.

    Args:
        texts: the references; a language may have several, or none.
        known: codes of the trained languages.

    Returns:
        Caption sources, by language code.

    Raises:
        EvaluationError: a text has no code, or its code is not of a trained language.
        DatasetError: a source is malformed.
    """
    codes = list(known)
    sources: dict[str, list[CaptionSource]] = {}
    for text in texts:
        code, equals, source = text.partition("=")
        if not equals or not source:
            raise EvaluationError(
                f"`references` {text}: for several languages, name the language: CODE=FILE[,origin=ORIGIN]"
            )
        code = code if code in codes else same_language(code, codes) or code
        if code not in codes:
            raise EvaluationError(
                f"`references` {text}: {code!r} is not trained; trained languages: {', '.join(codes)}"
            )
        sources.setdefault(code, []).append(CaptionSource.parse(source))
    return sources


def choose_references(
    language: Language,
    dataset: Dataset,
    split: str,
    named: Mapping[str, Sequence[CaptionSource]],
    built: Path | None = None,
) -> Dataset:
    """Choose the references of a language: captions of one origin, by people if there are any.

    They are the first of: the sources of `named`, the file of its build, the files that its folder names, and the
    dataset's own captions, if its pack was trained on them.

    Args:
        language: the language.
        dataset: photos and captions.
        split: "train", "dev" or "test".
        named: caption sources, by language code.
        built: caption file of the language's build; it need not exist. (default: None)

    Returns:
        The dataset with these captions.

    Raises:
        EvaluationError: there are none, or none of the split.
        DatasetError, PackError: a caption file, or the pack's card, can't be read.
    """
    chosen = _choose_captions(language, dataset, named.get(language.code, ()), built)
    photos = chosen.split(split)
    if not photos:
        raise EvaluationError(f"it has no references of the {split} split of {dataset.folder}")
    return select_references(chosen, split, main_origin(photos))


def _choose_captions(
    language: Language, dataset: Dataset, sources: Sequence[CaptionSource], built: Path | None
) -> Dataset:
    """Return the dataset with the captions of a language, of any origin."""
    if sources:
        chosen, faults = with_sources(dataset, sources)
        if not chosen.photos:
            first = f"; the first fault in the file: {faults[0]}" if faults else ""
            names = ", ".join(str(source.path) for source in sources)
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
        f"its pack was trained on other captions than those in {dataset.folder}: "
        f"give `references` {language.code}=FILE, or `work`, the folder of its build"
    )


def select_references(dataset: Dataset, split: str, origin: str | None = None) -> Dataset:
    """Return the dataset with captions of one origin, since a score states the origin of its references.

    Args:
        dataset: photos and captions.
        split: "train", "dev" or "test".
        origin: origin of the references. (default: the only one, or the one that people wrote or revised)

    Raises:
        DatasetError: no caption is of this origin; or there are several origins, none of them human, and none is named.
    """
    counts = count_origins(dataset.split(split))
    if origin is not None:
        return dataset.with_origin(origin)
    preferred = main_origin(dataset.split(split))
    if len(counts) > 1 and is_human(preferred):
        return dataset.with_origin(preferred)
    if len(counts) > 1:
        shown = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        raise DatasetError(
            f"{dataset.name}: the {split} split has captions of several origins ({shown}); a score is against "
            f"one: choose it with `origin` {preferred}"
        )
    return dataset
