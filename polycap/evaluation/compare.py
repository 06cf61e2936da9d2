"""All languages on the same split: each scored, and what can't be scored told."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.captioning.captioner import Captioner
from polycap.dataset import Dataset
from polycap.errors import EvaluationError, PolycapError
from polycap.evaluation.evaluate import Evaluation, score_predictions
from polycap.evaluation.examples import Examples, choose_examples
from polycap.evaluation.predict import predict
from polycap.features.store import FeatureStore

__all__ = ["Comparison", "compare_languages"]

logger = logging.getLogger(__name__)


@dataclass
class Comparison:
    """Languages on the same split.

    Attributes:
        dataset: the dataset's name.
        split: the split.
        evaluations: by language code, in order.
        examples: the best and the worst captions of each.
        left_out: by language code, why it is not among them.
    """

    dataset: str
    split: str
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    examples: dict[str, Examples] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What `polycap evaluate --all --json` prints."""
        return {
            "dataset": self.dataset,
            "split": self.split,
            "languages": [evaluation.to_json() for evaluation in self.evaluations.values()],
            "left_out": self.left_out,
        }


def compare_languages(
    captioners: Sequence[Captioner],
    references: Mapping[str, Dataset],
    split: str,
    *,
    store: FeatureStore | None = None,
    raw: bool = False,
    folder: Path | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Caption a split in several languages and score each. One that can't be scored stops no other.

    Args:
        captioners: they share an encoder.
        references: the dataset with each language's references, by code.
        split: train, dev or test.
        store: features that are there already; without it each photo is encoded once.
        raw: keep case and punctuation.
        folder: write each language's predictions, references and scores into a folder of its code.

    Raises:
        EvaluationError: no language could be scored.
    """
    dataset = references[captioners[0].language.code]
    found = Comparison(dataset.name, split)
    photos = {photo.name: photo for dataset in references.values() for photo in dataset.split(split)}
    shared = {} if store else predict(captioners, [photos[name] for name in sorted(photos)], progress=progress)
    for captioner in captioners:
        code = captioner.language.code
        try:
            own = references[code]
            predicted = shared or predict([captioner], own.split(split), store, progress=progress)
            evaluation = score_predictions(captioner.language, own, split, predicted[code], raw=raw)
            found.examples[code] = choose_examples(captioner, evaluation, predicted[code], store)
            found.evaluations[code] = evaluation
        except PolycapError as error:
            logger.warning("%s: left out: %s", code, error)
            found.left_out[code] = str(error)
            continue
        if folder is not None:
            evaluation.write(folder / code)
        logger.info("%s: scored on %d photos", code, len(evaluation.photos))
    for reason in {examples.without_gazes for examples in found.examples.values()} - {""}:
        logger.warning("the report does not show where decoders looked: %s", reason)
    if not found.evaluations:
        raise EvaluationError("no language could be scored; see above")
    return found
