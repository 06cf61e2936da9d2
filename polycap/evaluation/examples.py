"""Examples: a language's best and worst captions, with their attention maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polycap.captioning.attention import AttentionMap
from polycap.captioning.captioner import Captioner
from polycap.dataset import Photo
from polycap.errors import CaptionRuntimeError
from polycap.evaluation.evaluate import Evaluation
from polycap.evaluation.predict import reduced_features
from polycap.features.store import FeatureStore
from polycap.metrics import scores_per_photo

__all__ = ["Examples", "ShownExample", "choose_examples"]

PHOTOS_SHOWN = 3
"""Default number of best and of worst captions."""


@dataclass(frozen=True, eq=False)
class ShownExample:
    """Photo with its caption, references and score.

    Attributes:
        photo: the photo.
        caption: the caption, in the form that was scored.
        references: the references, in the form that was scored.
        score: score of the caption, 0 to 100; CIDEr-D may be higher.
        attention_maps: one map per token; empty for a decoder without attention.
    """

    photo: Photo
    caption: str
    references: list[str]
    score: float
    attention_maps: list[AttentionMap]


@dataclass(frozen=True, eq=False)
class Examples:
    """Best and worst captions of a language.

    Attributes:
        metric: name of the metric that sorts them.
        best: best captions, best first.
        worst: worst captions, worst first.
        lowest: number of captions that score no more than the worst one.
        attention_fault: reason that the attention maps can't be computed. (default: empty)
    """

    metric: str
    best: list[ShownExample]
    worst: list[ShownExample]
    lowest: int
    attention_fault: str = ""


def choose_examples(
    captioner: Captioner,
    evaluation: Evaluation,
    predictions: dict[str, str],
    store: FeatureStore | None = None,
    *,
    count: int = PHOTOS_SHOWN,
) -> Examples:
    """Choose the best and the worst captions; of equal scores, the first photos by name.

    Args:
        captioner: the captioner of the captions.
        evaluation: the scored captions.
        predictions: captions by photo name, as the decoder output them, not as they were scored.
        store: stored features of the photos. (default: the photos are encoded)
        count: number of best and of worst captions; no photo is in both lists. (default: 3)
    """
    tokenizer = evaluation.language.evaluation.sacrebleu_tokenizer
    metric, scores = scores_per_photo(evaluation.captions, evaluation.references, tokenizer)
    order = [int(number) for number in np.argsort(-scores, kind="stable")]
    best = order[:count]
    worst = [int(number) for number in np.argsort(scores, kind="stable") if number not in best][:count]
    chosen = best + worst
    photos = [evaluation.photos[number] for number in chosen]
    all_maps, fault = _attention_maps(captioner, photos, [predictions[photo.name] for photo in photos], store)
    examples = [
        ShownExample(photo, evaluation.captions[number], evaluation.references[number], float(scores[number]), maps)
        for number, photo, maps in zip(chosen, photos, all_maps, strict=True)
    ]
    lowest = int((scores <= scores.min()).sum())
    return Examples(metric, examples[: len(best)], examples[len(best) :], lowest, fault)


def _attention_maps(
    captioner: Captioner, photos: Sequence[Photo], captions: Sequence[str], store: FeatureStore | None
) -> tuple[list[list[AttentionMap]], str]:
    """Return the attention maps of each caption; and the reason if they can't be computed."""
    try:
        return captioner.attention_maps(reduced_features(captioner, photos, store), captions), ""
    except CaptionRuntimeError as error:
        return [[] for _ in captions], str(error)
