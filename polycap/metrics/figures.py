"""All metrics of a set of captions at once, with intervals from resampling the photos."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.metrics import consensus
from polycap.metrics.sacre import bleu_metric, chrf_metric, words_of
from polycap.metrics.texts import streams

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric, Signature

__all__ = ["METRICS", "SAMPLES", "Figures", "by_people", "measure", "photo_scores"]

METRICS = {
    "bleu1": "BLEU-1",
    "bleu2": "BLEU-2",
    "bleu3": "BLEU-3",
    "bleu4": "BLEU-4",
    "chrf": "chrF++",
    "cider_d": "CIDEr-D",
    "rouge_l": "ROUGE-L",
}
"""Every metric: its key in JSON, and its name."""

SAMPLES = 1000
"""How often the photos are resampled for an interval, unless told otherwise."""


@dataclass(frozen=True)
class Figures:
    """What a set of captions scored.

    Attributes:
        values: by the keys of `METRICS`; those that could be computed.
        intervals: half the width of each one's 95% interval; empty without resampling.
        seed: what the resampling started from; None if it was drawn by chance (`SACREBLEU_SEED=none`).
        signatures: sacreBLEU's of BLEU-4 and chrF++, and the like for the others.
    """

    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, float] = field(default_factory=dict)
    seed: int | None = None
    signatures: tuple[str, ...] = ()


def measure(captions: list[str], references: list[list[str]], tokenizer: str, samples: int = 0) -> Figures:
    """Score single lines against references that are there.

    The photos are resampled with replacement, as often as `samples` says (Koehn, 2004, "Statistical Significance
    Tests for Machine Translation Evaluation"). CIDEr-D's n-gram rarities stay those of all photos meanwhile.
    """
    metrics = {f"bleu{order}": bleu_metric(tokenizer, order) for order in (1, 2, 3, 4)} | {"chrf": chrf_metric()}
    arranged = streams(references)
    values, intervals, signed = {}, {}, {}
    for key, metric in metrics.items():
        values[key], intervals[key], signed[key] = _with_interval(metric, captions, arranged, samples)
    signatures = [f"BLEU|{signed['bleu4']}", f"chrF2++|{signed['chrf']}"]
    drawn = signed["chrf"].info["seed"]  # a string, as sacreBLEU keeps it
    seed = int(drawn) if drawn not in (None, "none") else None
    if consensus.available():
        words = words_of(tokenizer)
        counts = str(signed["bleu4"]).split("|case:")[0]  # references, samples and seed, as sacreBLEU writes them
        for key in consensus.CONSENSUS:
            each = consensus.photo_values(key, captions, references, words)
            values[key], intervals[key] = float(each.mean()), _half_interval(each, samples, seed)
            signatures.append(f"{METRICS[key]}|{counts}|tok:{tokenizer}|{consensus.settings(key)}")
    return Figures(values, intervals if samples > 1 else {}, seed, tuple(signatures))


def _with_interval(
    metric: "Metric", captions: list[str], arranged: list[list[str]], samples: int
) -> tuple[float, float, "Signature"]:
    """Score captions; return the score, half its interval's width, and sacreBLEU's signature.

    All three are those of `metric.corpus_score(…, n_bootstrap=samples)`, which ends in a TypeError where chrF is zero
    in some of the samples only (sacreBLEU 2.6: the mean of float and float32). sacreBLEU's significance test gives
    them, too: for its baseline, compared with no other system.
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
    """Return whether a message of sacreBLEU's is not that Windows has no parallel tests: none is asked for."""
    return "Parallel tests are not supported" not in record.getMessage()


def _half_interval(each: NDArray[np.float64], samples: int, seed: int | None) -> float:
    """Half the width of the 95% interval of a mean, from the samples that sacreBLEU takes."""
    from sacrebleu.significance import estimate_ci

    if samples <= 1:
        return 0.0
    rows = np.random.default_rng(seed).choice(len(each), size=(samples, len(each)), replace=True)
    return float(estimate_ci(each[rows].mean(axis=1))[1])


def photo_scores(captions: list[str], references: list[list[str]], tokenizer: str) -> tuple[str, NDArray[np.float64]]:
    """How good each photo's caption is: the metric's name, and `(photos,) float64`.

    CIDEr-D where it is installed, else the BLEU-4 of each sentence (smoothed, of effective order).
    """
    if consensus.available():
        return METRICS["cider_d"], consensus.photo_values("cider_d", captions, references, words_of(tokenizer))
    metric = bleu_metric(tokenizer, effective_order=True)
    pairs = zip(captions, references, strict=True)
    return "sentence BLEU-4", np.array([metric.sentence_score(text, texts).score for text, texts in pairs])


def by_people(origin: str) -> bool:
    """Whether references of this origin were written, translated or revised by people, and none by a machine."""
    return all(part.startswith("human") for part in origin.split("+"))
