"""Comparison of several languages on the same split."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from polycap.captioning.captioner import Captioner
from polycap.dataset import Dataset
from polycap.errors import EvaluationError, PolycapError
from polycap.evaluation.concordance import Concordance, compare_concepts, mean_concordance
from polycap.evaluation.evaluate import Evaluation, score_predictions
from polycap.evaluation.examples import Examples, choose_examples
from polycap.evaluation.predict import predict
from polycap.evaluation.steadiness import measure_steadiness
from polycap.features.store import FeatureStore

__all__ = ["Comparison", "compare_languages"]

logger = logging.getLogger(__name__)


@dataclass
class Comparison:
    """Scores and examples of several languages on the same split.

    Attributes:
        dataset: name of the dataset.
        split: name of the split.
        evaluations: scored captions, by language code, in order. (default: none)
        examples: best and worst captions, by language code. (default: none)
        left_out: reasons of the languages that could not be scored, by code. (default: none)
    """

    dataset: str
    split: str
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    examples: dict[str, Examples] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @cached_property
    def concordance(self) -> list[Concordance]:
        """Agreement of the languages about the photos' concepts, by kind and pair; read it once all are scored."""
        return compare_concepts(list(self.evaluations.values()))

    def to_json(self) -> dict[str, Any]:
        """Return the object that `polycap evaluate --all --json` prints."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "languages": [evaluation.to_json() for evaluation in self.evaluations.values()],
            "left_out": self.left_out,
            "concordance": {
                "means": [row.to_json() for row in mean_concordance(self.concordance)],
                "pairs": [row.to_json() for row in self.concordance],
            },
        }


def compare_languages(
    captioners: Sequence[Captioner],
    references: Mapping[str, Dataset],
    split: str,
    *,
    store: FeatureStore | None = None,
    raw: bool = False,
    steadiness: bool = False,
    folder: Path | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Caption a split in several languages and score each. A language that can't be scored is left out.

    Args:
        captioners: captioners that share an encoder, one per language.
        references: the dataset with each language's references, by code.
        split: "train", "dev" or "test".
        store: stored features of the photos. (default: each photo is encoded once)
        raw: whether to keep case and punctuation, as for `evaluate_captioner`. (default: False)
        steadiness: whether to measure steadiness, for which the photos are encoded, also with a store. (default: False)
        folder: folder for each language's predictions, references and scores, in a subfolder named for its code.
            (default: none are written)
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Raises:
        EvaluationError: no language could be scored.
    """
    dataset = references[captioners[0].language.code]
    comparison = Comparison(dataset.name, split)
    photos = {photo.name: photo for dataset in references.values() for photo in dataset.split(split)}
    shared_predictions = (
        {} if store else predict(captioners, [photos[name] for name in sorted(photos)], progress=progress)
    )
    for captioner in captioners:
        code = captioner.language.code
        try:
            language_references = references[code]
            predictions = shared_predictions or predict(
                [captioner], language_references.split(split), store, progress=progress
            )
            evaluation = score_predictions(captioner.language, language_references, split, predictions[code], raw=raw)
            comparison.examples[code] = choose_examples(captioner, evaluation, predictions[code], store)
            comparison.evaluations[code] = evaluation
        except PolycapError as error:
            logger.warning("%s: left out: %s", code, error)
            comparison.left_out[code] = str(error)
            continue
        if folder is not None:
            evaluation.write(folder / code)
        logger.info("%s: scored on %d photos", code, len(evaluation.photos))
    for reason in {examples.attention_fault for examples in comparison.examples.values()} - {""}:
        logger.warning("the report has no attention maps: %s", reason)
    if not comparison.evaluations:
        raise EvaluationError("no language could be scored; see above")
    if steadiness:
        scored = [captioner for captioner in captioners if captioner.language.code in comparison.evaluations]
        shares = measure_steadiness(scored, [photos[name] for name in sorted(photos)], progress=progress)
        for code, evaluation in comparison.evaluations.items():
            comparison.evaluations[code] = replace(evaluation, steadiness=shares[code])
    return comparison
