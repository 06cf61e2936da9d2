"""`score_captions`: all that is said of a language's captions on a split."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polycap.metrics import coco
from polycap.metrics.agreement import Agreement, measure_agreement
from polycap.metrics.bleu import words_of
from polycap.metrics.diversity import Diversity, Lengths
from polycap.metrics.measure import BOOTSTRAP_SAMPLES, METRICS, compute_metrics
from polycap.metrics.texts import checked, lines

__all__ = ["Scores", "score_captions"]


@dataclass(frozen=True)
class Scores:
    """What a set of captions scored. BLEU, chrF and ROUGE-L run from 0 to 100, CIDEr-D from 0 to 1000.

    Attributes:
        photos: the number of photos, one caption each.
        references_per_photo: the number, or (fewest, most) where photos differ.
        references_origin: who wrote the references: "human", or a translation such as "mt:argos/en_de@1.0".
        bleu1: cumulative BLEU up to unigrams; `bleu2`, `bleu3`, `bleu4` likewise.
        chrf: chrF++ (character 6-grams, word 2-grams).
        cider_d: CIDEr-D, 100 times pycocoevalcap's; None where that is not installed.
        rouge_l: ROUGE-L; None likewise.
        intervals: half the width of each metric's 95% interval, by its key in `METRICS`.
        samples: how often the photos were resampled for that; `seed` is what this started from.
        agreement: how well people agree; in words, if that can't be said.
        diversity: of the captions; `reference_diversity` of each photo's first reference, for comparison.
        lengths: of the captions; `reference_lengths` of all references.
        signature: sacreBLEU's signatures of BLEU-4 and chrF++, the like of the others, then polycap's own.
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
        """What could not be scored, and the fix; empty if nothing."""
        return coco.HINT if self.cider_d is None else ""

    def value(self, key: str) -> float | None:
        """A metric by its key in `METRICS`; None if it could not be computed."""
        value: float | None = getattr(self, key)
        return value

    def to_json(self, *, language: str, split: str) -> dict[str, Any]:
        """The object that `polycap evaluate --json` prints; scores rounded to 4 decimals."""
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
        hypotheses: a caption per photo.
        references: per photo, at least one reference; their number may differ between photos. An empty
            reference (a caption of nothing but punctuation, say) counts as absent.
        tokenizer: sacreBLEU's name of the tokenizer that words are counted with.
        references_origin: who wrote the references; goes into the signature, as `refs:mt.argos.en_de.1.0`.
        normalized: whether the texts are lower-cased and without punctuation; goes into the signature.
        samples: how often the photos are resampled for the intervals; 0 for none.

    Raises:
        EvaluationError: nothing to score, lengths that differ, a photo without references, or a tokenizer
            that is unknown or not installed.
    """
    kept = checked(hypotheses, references)
    captions = lines(hypotheses)
    figures = compute_metrics(captions, kept, tokenizer, samples)
    words = words_of(tokenizer)
    counts = {len(texts) for texts in kept}
    text = "lc-nopunct" if normalized else "raw"
    return Scores(
        photos=len(captions),
        references_per_photo=counts.pop() if len(counts) == 1 else (min(counts), max(counts)),
        references_origin=references_origin,
        **{key: figures.values.get(key) for key in METRICS},  # type: ignore[arg-type]  # BLEU and chrF are there
        intervals=figures.intervals,
        samples=samples,
        seed=figures.seed,
        agreement=measure_agreement(captions, kept, tokenizer, references_origin),
        diversity=Diversity.of(captions, words),
        reference_diversity=Diversity.of([texts[0] for texts in kept], words),
        lengths=Lengths.of(captions, words),
        reference_lengths=Lengths.of([text for texts in kept for text in texts], words),
        signature=" + ".join([*figures.signatures, f"text:{text}|refs:{_in_signature(references_origin)}"]),
    )


def _in_signature(origin: str) -> str:
    """An origin without what a signature means something by: `mt:argos/en_de@1.0` is `mt.argos.en_de.1.0`."""
    return re.sub(r"[^\w.+-]", ".", origin, flags=re.ASCII)
