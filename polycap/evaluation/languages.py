"""Evaluation of one language, or of all trained languages in one report, from options."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polycap.captioning.load import load_captioners
from polycap.captioning.options import CaptionerOptions
from polycap.dataset import Dataset
from polycap.errors import EvaluationError, LanguageError, PolycapError
from polycap.evaluation.references import select_references
from polycap.files import make_folder
from polycap.language import Language, Registry, get_language

if TYPE_CHECKING:  # they bring TensorFlow
    from polycap.evaluation.compare import Comparison
    from polycap.features.store import FeatureStore

__all__ = ["Compared", "evaluate_language", "evaluate_languages"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """Comparison of languages, and the path of its page."""

    comparison: "Comparison"
    page: Path


def evaluate_language(
    code: str,
    dataset: Dataset,
    split: str,
    *,
    origin: str | None,
    beam: int | None,
    raw: bool,
    features: Path | None,
    folder: Path,
    record: bool,
    pack: Path | None,
    via: str | None,
    weights: Path | None,
    runtime: str | None,
    precision: str | None,
) -> dict[str, Any]:
    """Score one language's captions; return the row of scores.

    Raises:
        PolycapError: one of its kinds, for whatever does not fit.
    """
    language = get_language(code)  # one, where `load_captioners` takes several
    references = select_references(dataset, split, origin)
    options = CaptionerOptions(
        beam=beam,
        pack=pack,
        encoder_weights=weights,
        via=via,
        always_via=True,
        runtime=runtime,
        precision=precision,
        reference=True,
    )
    [captioner], _ = load_captioners(language.code, options)
    from polycap.evaluation.evaluate import evaluate_captioner

    found = evaluate_captioner(captioner, references, split, store=_store(features), raw=raw, folder=folder)
    if record:
        found.record(captioner.pack.folder)
    return found.to_json() | ({"via": captioner.translated_by} if via else {})


def evaluate_languages(
    dataset: Dataset,
    references: Sequence[str],
    split: str,
    *,
    built: Callable[[str], Path] | None,
    beam: int | None,
    raw: bool,
    features: Path | None,
    folder: Path,
    record: bool,
    weights: Path | None,
    runtime: str | None,
    precision: str | None,
) -> Compared:
    """Score every trained language's captions and write one report.

    `built` gives, by code, the file of the captions that a language's build has learned from: references, too.

    Raises:
        PolycapError: one of its kinds, where nothing could be scored; what concerns one language is in the report.
    """
    dataset.split(split)  # before the work: is there such a split?
    trained = _trained()
    if not trained:
        raise LanguageError("no language has a trained pack; make one with `polycap build`")
    make_folder(folder)
    from polycap.evaluation.compare import compare_languages
    from polycap.evaluation.references import choose_references, parse_references
    from polycap.evaluation.report.write import write_comparison

    given = parse_references(references, [language.code for language in trained])
    chosen: dict[str, Dataset] = {}
    left_out: dict[str, str] = {}
    for language in trained:
        try:
            chosen[language.code] = choose_references(language, dataset, split, given, built and built(language.code))
        except PolycapError as error:
            logger.warning("%s: left out: %s", language.code, error)
            left_out[language.code] = str(error)
    if not chosen:
        raise EvaluationError(f"none of {', '.join(left_out)} has references to score it by; see above")
    options = CaptionerOptions(beam=beam, encoder_weights=weights, runtime=runtime, precision=precision, reference=True)
    captioners, broken = load_captioners(",".join(chosen), options)
    for code, message in broken.items():
        logger.warning("%s: left out: %s", code, message)
    left_out |= broken
    found = compare_languages(captioners, chosen, split, store=_store(features), raw=raw, folder=folder)
    found.left_out |= left_out
    for captioner in captioners if record else ():
        if evaluation := found.evaluations.get(captioner.language.code):
            evaluation.record(captioner.pack.folder)
    return Compared(found, write_comparison(folder, found))


def _trained() -> list[Language]:
    return [language for language in Registry.discover().languages if language.status == "trained"]


def _store(features: Path | None) -> "FeatureStore | None":
    from polycap.features.prepare import open_features

    return open_features(features).stores[0] if features else None
