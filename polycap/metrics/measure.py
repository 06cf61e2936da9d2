"""All metrics of a set of captions, with bootstrap intervals."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.metrics import coco
from polycap.metrics.bleu import bleu_metric, chrf_metric, words_of
from polycap.metrics.texts import streams

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric, Signature

__all__ = ["BOOTSTRAP_SAMPLES", "METRICS", "MetricValues", "compute_metrics", "scores_per_photo"]

METRICS = {
    "bleu1": "BLEU-1",
    "bleu2": "BLEU-2",
    "bleu3": "BLEU-3",
    "bleu4": "BLEU-4",
    "chrf": "chrF++",
    "cider_d": "CIDEr-D",
    "rouge_l": "ROUGE-L",
}
"""Names of the metrics, by their keys in JSON."""

BOOTSTRAP_SAMPLES = 1000
"""Default number of bootstrap samples for an interval."""


@dataclass(frozen=True)
class MetricValues:
    """Scores of a set of captions.

    Attributes:
        values: scores by the keys of `METRICS`, without metrics that are not installed.
        intervals: half the width of each score's 95% interval; empty without resampling.
        seed: seed of the resampling; None if it is random (`SACREBLEU_SEED=none`).
        signatures: sacreBLEU's signatures of BLEU-4 and chrF++, and corresponding ones of the other metrics.
    """

    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, float] = field(default_factory=dict)
    seed: int | None = None
    signatures: tuple[str, ...] = ()


def compute_metrics(captions: list[str], references: list[list[str]], tokenizer: str, samples: int = 0) -> MetricValues:
    """Score captions that are single lines.

    Intervals are computed by resampling the photos with replacement (Koehn, 2004, "Statistical Significance Tests for
    Machine Translation Evaluation"). CIDEr-D's n-gram rarities are always those of all photos.

    Args:
        captions: one caption per photo.
        references: one or more references per photo, none empty.
        tokenizer: sacreBLEU's name of the tokenizer.
        samples: number of bootstrap samples. (default: 0, no intervals)
    """
    metrics = {f"bleu{order}": bleu_metric(tokenizer, order) for order in (1, 2, 3, 4)} | {"chrf": chrf_metric()}
    arranged = streams(references)
    values, intervals, signed = {}, {}, {}
    for key, metric in metrics.items():
        values[key], intervals[key], signed[key] = _with_interval(metric, captions, arranged, samples)
    signatures = [f"BLEU|{signed['bleu4']}", f"chrF2++|{signed['chrf']}"]
    seed_text = signed["chrf"].info["seed"]
    seed = int(seed_text) if seed_text not in (None, "none") else None
    if coco.available():
        words = words_of(tokenizer)
        counts = str(signed["bleu4"]).split("|case:")[0]  # references, samples and seed
        for key in coco.CONSENSUS:
            scores = coco.coco_scores(key, captions, references, words)
            values[key], intervals[key] = float(scores.mean()), _half_interval(scores, samples, seed)
            signatures.append(f"{METRICS[key]}|{counts}|tok:{tokenizer}|{coco.settings(key)}")
    return MetricValues(values, intervals if samples > 1 else {}, seed, tuple(signatures))


def _with_interval(
    metric: "Metric", captions: list[str], arranged: list[list[str]], samples: int
) -> tuple[float, float, "Signature"]:
    """Score captions; return the score, half its interval's width, and sacreBLEU's signature.

    All three equal those of `metric.corpus_score(…, n_bootstrap=samples)`, which raises a TypeError if chrF is zero in
    some of the samples only (sacreBLEU 2.6: the mean of float and float32). sacreBLEU's significance test computes
    them, too, for its baseline, here without another system.
    """
    from sacrebleu.significance import PairedTest

    if samples <= 1:
        return float(metric.corpus_score(captions, arranged).score), 0.0, metric.get_signature()
    logging.getLogger("sacrebleu").addFilter(_is_no_hint)
    test = PairedTest([("captions", captions)], {"metric": metric}, arranged, test_type="bs", n_samples=samples)
    signatures, scores = test()
    ((name, signature),) = signatures.items()
    result: Any = scores[name][0]
    return float(result.score), float(result.ci), signature


def _is_no_hint(record: logging.LogRecord) -> bool:
    """Return whether a message is not sacreBLEU's hint that Windows has no parallel tests, which are not used."""
    return "Parallel tests are not supported" not in record.getMessage()


def _half_interval(scores: NDArray[np.float64], samples: int, seed: int | None) -> float:
    """Compute half the width of the 95% interval of a mean, with the samples that sacreBLEU draws."""
    from sacrebleu.significance import estimate_ci

    if samples <= 1:
        return 0.0
    rows = np.random.default_rng(seed).choice(len(scores), size=(samples, len(scores)), replace=True)
    return float(estimate_ci(scores[rows].mean(axis=1))[1])


def scores_per_photo(
    captions: list[str], references: list[list[str]], tokenizer: str
) -> tuple[str, NDArray[np.float64]]:
    """Score the caption of each photo; return the metric's name, and `(photos,) float64`.

    The metric is CIDEr-D if it is installed, else sentence BLEU-4 (smoothed, effective order).
    """
    if coco.available():
        return METRICS["cider_d"], coco.coco_scores("cider_d", captions, references, words_of(tokenizer))
    metric = bleu_metric(tokenizer, effective_order=True)
    pairs = zip(captions, references, strict=True)
    return "sentence BLEU-4", np.array([metric.sentence_score(text, texts).score for text, texts in pairs])
