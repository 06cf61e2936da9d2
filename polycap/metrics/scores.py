"""Scores of a language's captions on a split."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polycap.metrics import coco
from polycap.metrics.agreement import Agreement, measure_agreement
from polycap.metrics.bleu import words_of
from polycap.metrics.diversity import Diversity, Lengths
from polycap.metrics.measure import BOOTSTRAP_SAMPLES, METRICS, compute_metrics
from polycap.metrics.texts import checked, lines

__all__ = ["ScoreRow", "Scores", "score_captions"]

ScoreRow = Mapping[str, Any]
"""Row of scores, as `Scores.to_json` returns it and a pack's card has it."""


@dataclass(frozen=True)
class Scores:
    """Scores of a set of captions. BLEU, chrF and ROUGE-L are 0 to 100, CIDEr-D is 0 to 1000.

    Attributes:
        photos: number of photos, with one caption each.
        references_per_photo: number of references, or (fewest, most) if photos differ.
        references_origin: origin of the references: "human", or a translation such as "mt:argos/en_de@1.0".
        bleu1, bleu2, bleu3, bleu4: cumulative BLEU up to n-grams of 1 to 4 words.
        chrf: chrF++ (character 6-grams, word 2-grams).
        cider_d: CIDEr-D, 100 times pycocoevalcap's value; None if that is not installed.
        rouge_l: ROUGE-L; None if pycocoevalcap is not installed.
        intervals: half the width of each metric's 95% interval, by its key in `METRICS`.
        samples: number of bootstrap samples of the intervals.
        seed: seed of the bootstrap samples; None if it is random.
        agreement: human agreement, or the reason why it can't be measured.
        diversity: diversity of the captions.
        reference_diversity: diversity of each photo's first reference, for comparison.
        lengths: lengths of the captions.
        reference_lengths: lengths of all references.
        signature: sacreBLEU's signatures of BLEU-4 and chrF++, corresponding ones of the others, then polycap's.
    """

    photos: int
    references_per_photo: int | tuple[int, int]
    references_origin: str
    bleu1: float
    bleu2: float
    bleu3: float
    bleu4: float
    chrf: float
    cider_d: float | None
    rouge_l: float | None
    intervals: dict[str, float]
    samples: int
    seed: int | None
    agreement: Agreement | str
    diversity: Diversity
    reference_diversity: Diversity
    lengths: Lengths
    reference_lengths: Lengths
    signature: str

    @property
    def missing(self) -> str:
        """Metrics that are not installed, and the fix; empty if none."""
        return coco.HINT if self.cider_d is None else ""

    def value(self, key: str) -> float | None:
        """Return a metric by its key in `METRICS`; None if it is not installed."""
        value: float | None = getattr(self, key)
        return value

    def to_json(self, *, language: str, split: str) -> dict[str, Any]:
        """Return the object that `polycap evaluate --json` prints; scores are rounded to 4 decimals."""
        references = self.references_per_photo
        agreement = self.agreement
        return {
            "language": language,
            "split": split,
            "photos": self.photos,
            "references_per_photo": references if isinstance(references, int) else list(references),
            "references_origin": self.references_origin,
            **{key: _rounded(self.value(key)) for key in METRICS},
            "intervals": {key: _rounded(value) for key, value in self.intervals.items()},
            "bootstrap": {"samples": self.samples, "seed": self.seed, "confidence": 0.95},
            "human_agreement": {"unavailable": agreement} if isinstance(agreement, str) else agreement.to_json(),
            "diversity": self.diversity.to_json() | {"references": self.reference_diversity.to_json()},
            "lengths": self.lengths.to_json() | {"references": self.reference_lengths.to_json()},
            **({"missing": self.missing} if self.missing else {}),
            "signature": self.signature,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def score_captions(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenizer: str,
    references_origin: str,
    normalized: bool,
    samples: int = BOOTSTRAP_SAMPLES,
) -> Scores:
    """Score one caption per photo against the photo's references.

    Args:
        hypotheses: one caption per photo.
        references: one or more references per photo; photos may differ in number. An empty reference (for example a
            caption of punctuation alone) counts as absent.
        tokenizer: sacreBLEU's name of the tokenizer that defines words.
        references_origin: origin of the references, stated in the signature, such as `refs:mt.argos.en_de.1.0`.
        normalized: whether the texts are lower-cased and without punctuation, stated in the signature.
        samples: number of bootstrap samples for the intervals; 0 for none. (default: 1000)

    Raises:
        EvaluationError: there are no captions, lengths differ, a photo has no reference, or the tokenizer is unknown or
            not installed.
    """
    nonempty = checked(hypotheses, references)
    captions = lines(hypotheses)
    metrics = compute_metrics(captions, nonempty, tokenizer, samples)
    words = words_of(tokenizer)
    counts = {len(texts) for texts in nonempty}
    text = "lc-nopunct" if normalized else "raw"
    return Scores(
        photos=len(captions),
        references_per_photo=counts.pop() if len(counts) == 1 else (min(counts), max(counts)),
        references_origin=references_origin,
        **{key: metrics.values.get(key) for key in METRICS},  # type: ignore[arg-type]  # BLEU and chrF are never None
        intervals=metrics.intervals,
        samples=samples,
        seed=metrics.seed,
        agreement=measure_agreement(captions, nonempty, tokenizer, references_origin),
        diversity=Diversity.of(captions, words),
        reference_diversity=Diversity.of([texts[0] for texts in nonempty], words),
        lengths=Lengths.of(captions, words),
        reference_lengths=Lengths.of([text for texts in nonempty for text in texts], words),
        signature=" + ".join([*metrics.signatures, f"text:{text}|refs:{_in_signature(references_origin)}"]),
    )


def _in_signature(origin: str) -> str:
    """Replace the separators of signatures in an origin: `mt:argos/en_de@1.0` → `mt.argos.en_de.1.0`."""
    return re.sub(r"[^\w.+<-]", ".", origin, flags=re.ASCII)
