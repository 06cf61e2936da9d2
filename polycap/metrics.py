"""BLEU-1 to 4 and chrF++ of captions, by sacreBLEU, each score with the signature that lets others repeat it.

A caption is scored against all references of its photo at once. Texts come already normalised by the
language's own rules; nothing here changes them, except that white space is collapsed: a text is one line of
a file.

Reference: Post (2018), "A Call for Clarity in Reporting BLEU Scores"; Popović (2017), "chrF++: words helping
character n-grams".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polycap.errors import EvaluationError
from polycap.files import make_folder, write_json, write_text

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

__all__ = ["Scores", "bleu", "bleu_metric", "known_tokenizers", "score_captions", "write_score_files"]

# These fetch a model from the internet when first used; a score must not depend on that.
_DOWNLOADING_TOKENIZERS = frozenset({"spm", "flores101", "flores200", "spBLEU-1K"})

_TOKENIZER_EXTRAS = {"ja-mecab": 'pip install "sacrebleu[ja]"', "ko-mecab": 'pip install "sacrebleu[ko]"'}


@dataclass(frozen=True)
class Scores:
    """What a set of captions scored. BLEU and chrF run from 0 to 100.

    Attributes:
        photos: the number of photos, one caption each.
        references_per_photo: the number, or (fewest, most) where photos differ.
        references_origin: who wrote the references: "human", or a translation such as "mt:argos/en_de@1.0".
        bleu1: cumulative BLEU up to unigrams; `bleu2`, `bleu3`, `bleu4` likewise.
        chrf: chrF++ (character 6-grams, word 2-grams).
        signature: sacreBLEU's signatures of BLEU-4 and chrF++, then polycap's own.
    """

    photos: int
    references_per_photo: int | tuple[int, int]
    references_origin: str
    bleu1: float
    bleu2: float
    bleu3: float
    bleu4: float
    chrf: float
    signature: str

    def to_json(self, *, language: str, split: str) -> dict[str, Any]:
        """The object that `polycap evaluate --json` prints; scores rounded to 4 decimals."""
        references = self.references_per_photo
        return {
            "language": language,
            "split": split,
            "photos": self.photos,
            "references_per_photo": references if isinstance(references, int) else list(references),
            "references_origin": self.references_origin,
            "bleu1": round(self.bleu1, 4),
            "bleu2": round(self.bleu2, 4),
            "bleu3": round(self.bleu3, 4),
            "bleu4": round(self.bleu4, 4),
            "chrf": round(self.chrf, 4),
            "signature": self.signature,
        }


def known_tokenizers() -> list[str]:
    """The sacreBLEU tokenizers that a language may name, sorted: all but those that download a model."""
    from sacrebleu.metrics.bleu import BLEU

    return sorted(set(BLEU.TOKENIZERS) - _DOWNLOADING_TOKENIZERS)


def bleu(hypotheses: Sequence[str], references: Sequence[Sequence[str]], *, tokenizer: str, order: int = 4) -> float:
    """Cumulative BLEU-`order` of a corpus, 0 to 100. Arguments and errors are those of `score_captions`."""
    metric = bleu_metric(tokenizer, order)
    return float(metric.corpus_score(_lines(hypotheses), _streams(_checked(hypotheses, references))).score)


def score_captions(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenizer: str,
    references_origin: str,
    normalized: bool,
) -> Scores:
    """Score one caption per photo against the photo's references.

    Args:
        hypotheses: a caption per photo.
        references: per photo, at least one reference; their number may differ between photos. An empty
            reference (a caption of nothing but punctuation, say) counts as absent.
        tokenizer: sacreBLEU's name of the tokenizer that BLEU counts words with.
        references_origin: who wrote the references; goes into the signature, as `refs:mt.argos.en_de.1.0`.
        normalized: whether the texts are lower-cased and without punctuation; goes into the signature.

    Raises:
        EvaluationError: nothing to score, lengths that differ, a photo without references, or a tokenizer
            that is unknown or not installed.
    """
    from sacrebleu.metrics.chrf import CHRF

    kept = _checked(hypotheses, references)
    captions, streams = _lines(hypotheses), _streams(kept)
    metrics = [bleu_metric(tokenizer, order) for order in (1, 2, 3, 4)]
    bleu_scores = [float(metric.corpus_score(captions, streams).score) for metric in metrics]
    chrf = CHRF(word_order=2)
    chrf_score = float(chrf.corpus_score(captions, streams).score)
    counts = {len(texts) for texts in kept}
    text = "lc-nopunct" if normalized else "raw"
    signatures = (
        f"BLEU|{metrics[-1].get_signature()}",
        f"chrF2++|{chrf.get_signature()}",
        f"text:{text}|refs:{_in_signature(references_origin)}",
    )
    return Scores(
        photos=len(captions),
        references_per_photo=counts.pop() if len(counts) == 1 else (min(counts), max(counts)),
        references_origin=references_origin,
        bleu1=bleu_scores[0],
        bleu2=bleu_scores[1],
        bleu3=bleu_scores[2],
        bleu4=bleu_scores[3],
        chrf=chrf_score,
        signature=" + ".join(signatures),
    )


def write_score_files(
    folder: Path,
    photos: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    scores: Scores,
    *,
    language: str,
    split: str,
) -> None:
    """Save what was scored, so that sacreBLEU itself can score it again.

    `photos.txt`, `predictions.txt` and `references.0.txt` … are aligned line by line; `scores.json` is last.
    The same scores come from::

        sacrebleu references.*.txt -i predictions.txt -m bleu chrf --chrf-word-order 2 --tokenize TOKENIZER

    A photo with fewer references than others has its first one repeated: sacreBLEU's command line has no sign
    for "none" (an empty line is a reference of length 0 and moves the brevity penalty), and a repeated
    reference changes neither BLEU nor chrF.

    Raises:
        EvaluationError: lengths that differ, or a photo without references.
        PolycapError: the folder can't be written.
    """
    kept = _checked(hypotheses, references)
    if len(photos) != len(hypotheses):
        raise EvaluationError(f"{len(photos)} photos for {len(hypotheses)} captions; expected as many")
    make_folder(folder)
    for stale in folder.glob("references.*.txt"):  # an earlier run may have had more references
        stale.unlink()
    most = max(map(len, kept))
    _write_lines(folder / "photos.txt", photos)
    _write_lines(folder / "predictions.txt", _lines(hypotheses))
    for number in range(most):
        lines = [texts[number] if number < len(texts) else texts[0] for texts in kept]
        _write_lines(folder / f"references.{number}.txt", lines)
    write_json(folder / "scores.json", scores.to_json(language=language, split=split))


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    write_text(path, "".join(f"{line}\n" for line in lines))


def bleu_metric(tokenizer: str, order: int) -> "BLEU":
    from sacrebleu.metrics.bleu import BLEU

    known = known_tokenizers()
    if tokenizer in _DOWNLOADING_TOKENIZERS:
        raise EvaluationError(
            f"sacreBLEU's tokenizer {tokenizer!r} downloads a model; choose one of {', '.join(known)}"
        )
    if tokenizer not in known:
        raise EvaluationError(f"sacreBLEU has no tokenizer {tokenizer!r}; choose one of {', '.join(known)}")
    try:
        # force: no warning that normalised text looks tokenised
        return BLEU(max_ngram_order=order, tokenize=tokenizer, force=True)
    except (ImportError, RuntimeError) as error:
        fix = _TOKENIZER_EXTRAS.get(tokenizer, "see sacreBLEU's documentation")
        raise EvaluationError(f"sacreBLEU's tokenizer {tokenizer!r} is not installed: {fix}") from error


def _in_signature(origin: str) -> str:
    """An origin without what a signature means something by: `mt:argos/en_de@1.0` is `mt.argos.en_de.1.0`."""
    return re.sub(r"[^\w.+-]", ".", origin, flags=re.ASCII)


def _checked(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list[list[str]]:
    """The references of each photo as single lines, without empty ones."""
    if not hypotheses:
        raise EvaluationError("there are no captions to score")
    if len(hypotheses) != len(references):
        raise EvaluationError(
            f"{len(hypotheses)} captions for the references of {len(references)} photos; expected as many"
        )
    kept = [[line for line in _lines(texts) if line] for texts in references]
    bare = [number for number, texts in enumerate(kept, start=1) if not texts]
    if bare:
        shown = ", ".join(map(str, bare[:5])) + (", …" if len(bare) > 5 else "")
        raise EvaluationError(
            f"{len(bare)} of {len(kept)} photos have no reference (photo number {shown}); leave them out"
        )
    return kept


def _streams(references: list[list[str]]) -> list[list[str]]:
    """Turn references per photo into sacreBLEU's streams: stream k holds every photo's k-th reference.

    `None` marks an absent reference. sacreBLEU documents `''` as another mark, but counts it as a reference
    of length 0.
    """
    streams: list[list[Any]] = [list(stream) for stream in zip_longest(*references)]
    return streams


def _lines(texts: Sequence[str]) -> list[str]:
    return [" ".join(text.split()) for text in texts]
