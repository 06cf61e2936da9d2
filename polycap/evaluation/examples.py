"""The best and the worst captions of a language, with where its decoder looked."""

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
"""Photos at either end."""


@dataclass(frozen=True, eq=False)
class ShownExample:
    """A photo with its caption, references and score; no `gazes` if the decoder looks at no cell in particular."""

    photo: Photo
    caption: str
    references: list[str]
    score: float
    gazes: list[AttentionMap]


@dataclass(frozen=True, eq=False)
class Examples:
    """The two ends of a language's captions.

    Attributes:
        metric: what they are ordered by.
        best: the best first.
        worst: the worst first.
        lowest: how many captions score no more than the worst one.
        without_gazes: why no example has gazes, if they can't be computed here; else empty.
    """

    metric: str
    best: list[ShownExample]
    worst: list[ShownExample]
    lowest: int
    without_gazes: str = ""


def choose_examples(
    captioner: Captioner,
    evaluation: Evaluation,
    predicted: dict[str, str],
    store: FeatureStore | None = None,
    *,
    shown: int = PHOTOS_SHOWN,
) -> Examples:
    """The best and the worst captions; of equals, the first photos by name, so that they are the same each time.

    Args:
        captioner: who wrote them.
        evaluation: what was scored.
        predicted: captions by photo name as the decoder wrote them, not as they were scored.
        store: features that are there already.
        shown: how many at either end; no photo is at both.
    """
    tokenizer = evaluation.language.evaluation.sacrebleu_tokenizer
    metric, scores = scores_per_photo(evaluation.captions, evaluation.references, tokenizer)
    order = [int(number) for number in np.argsort(-scores, kind="stable")]
    best = order[:shown]
    worst = [int(number) for number in np.argsort(scores, kind="stable") if number not in best][:shown]
    chosen = best + worst
    photos = [evaluation.photos[number] for number in chosen]
    gazes, reason = _gazes(captioner, photos, [predicted[photo.name] for photo in photos], store)
    examples = [
        ShownExample(photo, evaluation.captions[number], evaluation.references[number], float(scores[number]), gaze)
        for number, photo, gaze in zip(chosen, photos, gazes, strict=True)
    ]
    lowest = int((scores <= scores.min()).sum())
    return Examples(metric, examples[: len(best)], examples[len(best) :], lowest, reason)


def _gazes(
    captioner: Captioner, photos: Sequence[Photo], captions: Sequence[str], store: FeatureStore | None
) -> tuple[list[list[AttentionMap]], str]:
    """The gazes of each caption, or why there are none."""
    try:
        return captioner.attention_maps(reduced_features(captioner, photos, store), captions), ""
    except CaptionRuntimeError as error:
        return [[] for _ in captions], str(error)
