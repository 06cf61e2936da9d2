"""Evaluation of one language, or of all trained languages in one report, from options."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from polycap.captioning.load import load_captioners
from polycap.captioning.options import CaptionerOptions
from polycap.dataset import Dataset
from polycap.errors import EvaluationError, LanguageError, PolycapError
from polycap.evaluation.references import choose_references, parse_references, select_references
from polycap.files import make_folder
from polycap.language import Language, Registry
from polycap.language.doubts import doubt_captions

if TYPE_CHECKING:  # they bring TensorFlow
    from polycap.captioning.captioner import Captioner
    from polycap.evaluation.compare import Comparison
    from polycap.evaluation.evaluate import Evaluation
    from polycap.features.store import FeatureStore

__all__ = ["Compared", "EvaluationOptions", "evaluate_language", "evaluate_languages"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation.

    Attributes:
        split: train, dev or test. (default: dev)
        origin: origin of the references, for one language. (default: as `select_references` chooses)
        raw: keep case and punctuation. (default: False)
        steadiness: measure steadiness, for which the photos are encoded. (default: False)
        features: folder of features to use instead of the photos. (default: none)
        folder: folder of predictions, references, scores and report. (default: evaluation)
        record: enter the scores in the pack's card. (default: False)
        captioner: options of the captioners. `via` is for all languages; with runtime auto, Keras is preferred.
    """

    split: str = "dev"
    origin: str | None = None
    raw: bool = False
    steadiness: bool = False
    features: Path | None = None
    folder: Path = Path("evaluation")
    record: bool = False
    captioner: CaptionerOptions = field(default_factory=CaptionerOptions)

    def load(self, codes: str) -> "tuple[list[Captioner], dict[str, str]]":
        """Load the captioners of codes with commas between, as `load_captioners` does."""
        return load_captioners(codes, replace(self.captioner, always_via=True, reference=True))

    def store(self) -> "FeatureStore | None":
        """Open the plain view of the features."""
        from polycap.features.prepare import open_plain_view

        return open_plain_view(self.features) if self.features else None


@dataclass(frozen=True)
class Compared:
    """Result of `evaluate_languages`.

    Attributes:
        comparison: evaluations by language.
        page: the report as an HTML page.
    """

    comparison: "Comparison"
    page: Path


def evaluate_language(language: Language, dataset: Dataset, options: EvaluationOptions) -> "Evaluation":
    """Score a language's captions.

    Args:
        language: the language.
        dataset: photos and references.
        options: see `EvaluationOptions`.

    Raises:
        EvaluationError: `record` with `via`, or a split without photos.
        PolycapError: another of its kinds, for whatever does not fit.
    """
    if options.record and options.captioner.via:
        raise EvaluationError(
            "`record` enters a decoder's scores in its own pack; with `via` there is none of this language"
        )
    references = select_references(dataset, options.split, options.origin)
    _warn_of_doubt(language, references, options.split)
    [captioner], _ = options.load(language.code)
    from polycap.evaluation.evaluate import evaluate_captioner
    from polycap.evaluation.steadiness import measure_steadiness

    store = options.store()
    evaluation = evaluate_captioner(
        captioner, references, options.split, store=store, raw=options.raw, folder=options.folder
    )
    if options.steadiness:
        shares = measure_steadiness([captioner], evaluation.photos)
        evaluation = replace(evaluation, steadiness=shares[language.code])
    if options.record:
        evaluation.record(captioner.pack.folder)
    return evaluation


def evaluate_languages(
    dataset: Dataset,
    options: EvaluationOptions,
    references: Sequence[str] = (),
    built: Callable[[str], Path] | None = None,
) -> Compared:
    """Score every trained language's captions and write one report.

    Args:
        dataset: photos and captions.
        options: see `EvaluationOptions`.
        references: caption files, `CODE=FILE[,origin=ORIGIN]`. (default: none; see `choose_references`)
        built: function from a code to the file of captions that the language's build learned from. (default: none)

    Raises:
        PolycapError: one of its kinds, where nothing could be scored; the faults of one language are in the report.
    """
    dataset.split(options.split)  # before the work: is there such a split?
    trained = _trained()
    if not trained:
        raise LanguageError("no language has a trained pack; make one with `polycap build`")
    make_folder(options.folder)
    from polycap.evaluation.compare import compare_languages
    from polycap.evaluation.report.write import write_comparison

    chosen, left_out = _choose_references(trained, dataset, options.split, references, built)
    captioners, broken = options.load(",".join(chosen))
    for code, message in broken.items():
        logger.warning("%s: left out: %s", code, message)
    comparison = compare_languages(
        captioners,
        chosen,
        options.split,
        store=options.store(),
        raw=options.raw,
        steadiness=options.steadiness,
        folder=options.folder,
    )
    comparison.left_out |= left_out | broken
    for captioner in captioners if options.record else ():
        if evaluation := comparison.evaluations.get(captioner.language.code):
            evaluation.record(captioner.pack.folder)
    return Compared(comparison, write_comparison(options.folder, comparison))


def _choose_references(
    languages: Sequence[Language],
    dataset: Dataset,
    split: str,
    references: Sequence[str],
    built: Callable[[str], Path] | None,
) -> tuple[dict[str, Dataset], dict[str, str]]:
    """Return the dataset with each language's references by code, and by code why a language has none."""
    given = parse_references(references, [language.code for language in languages])
    chosen: dict[str, Dataset] = {}
    left_out: dict[str, str] = {}
    for language in languages:
        try:
            chosen[language.code] = choose_references(language, dataset, split, given, built and built(language.code))
            _warn_of_doubt(language, chosen[language.code], split)
        except PolycapError as error:
            logger.warning("%s: left out: %s", language.code, error)
            left_out[language.code] = str(error)
    if not chosen:
        raise EvaluationError(f"none of {', '.join(left_out)} has references to score it by; see above")
    return chosen, left_out


def _warn_of_doubt(language: Language, references: Dataset, split: str) -> None:
    texts = (caption.text for photo in references.split(split) for caption in photo.captions)
    if doubt := doubt_captions(language, texts):
        logger.warning("%s: references: %s", language.code, doubt)


def _trained() -> list[Language]:
    return [language for language in Registry.discover().languages if language.status == "trained"]
