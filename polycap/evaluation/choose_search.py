"""Choice of a pack's search on a split: length penalty, shortest length and minimum Bayes risk."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from polycap.captioning.captioner import Captioner
from polycap.dataset import Dataset, Photo
from polycap.evaluation.predict import BATCH_SIZE, reduced_features
from polycap.features.store import FeatureStore
from polycap.files.progress import progress_bar
from polycap.language import Language
from polycap.language.settings import DecodingSettings
from polycap.metrics import corpus_bleu, words_of
from polycap.metrics.coco import HINT, available, coco_scores
from polycap.pack.pack import load_pack
from polycap.pack.record import record_search

__all__ = ["SearchScores", "choices", "choose_search", "pick_search"]

logger = logging.getLogger(__name__)

Choice: TypeAlias = Mapping[str, float | int | bool]
"""Settings of the search by the keys of `[decoding]`."""

LENGTH_PENALTIES = (0.7, 1.0)
"""Values of `length_penalty` to try."""

PEOPLES_SHARES = (0.05, 0.1, 0.2)
"""Shares of people's captions that may be shorter than `min_length`; of the first, the shortest twentieth."""

TOLERANCE = 0.5
"""Points of BLEU-4 and of CIDEr-D that longer captions may cost."""


@dataclass(frozen=True)
class SearchScores:
    """Scores of the captions that one choice of settings gives.

    Attributes:
        chosen: the settings that `language.toml` leaves open.
        bleu4: BLEU-4, 0 to 100.
        cider_d: CIDEr-D, 0 to 1000; None if it is not installed.
        words: mean number of words of a caption.
    """

    chosen: Choice
    bleu4: float
    cider_d: float | None
    words: float

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in self.chosen.items())
        consensus = "" if self.cider_d is None else f", CIDEr-D {self.cider_d:.1f}"
        return f"{settings}: BLEU-4 {self.bleu4:.2f}{consensus}, {self.words:.1f} words"


def pick_search(rows: Sequence[SearchScores]) -> SearchScores:
    """Return the row with the longest captions, of those within `TOLERANCE` of the best BLEU-4 and the best CIDEr-D.

    Where no row is near both, those near the best BLEU-4 are compared with the best CIDEr-D among themselves. Of rows
    with captions as long, it is the first.

    Args:
        rows: one or more; CIDEr-D is in all or in none.
    """
    by_bleu = _near(rows, [row.bleu4 for row in rows])
    by_both = [row for row in _near(rows, _consensus(rows)) if row in by_bleu]
    return max(by_both or _near(by_bleu, _consensus(by_bleu)), key=lambda row: row.words)


def _consensus(rows: Sequence[SearchScores]) -> list[float]:
    return [row.cider_d or 0.0 for row in rows]


def _near(rows: Sequence[SearchScores], scores: Sequence[float]) -> list[SearchScores]:
    """Return the rows whose score is within `TOLERANCE` of the best."""
    return [row for row, score in zip(rows, scores, strict=True) if round(max(scores) - score, 6) <= TOLERANCE]


def choices(own: DecodingSettings, lengths: Sequence[int]) -> list[dict[str, Any]]:
    """Return the settings to try, for those that `language.toml` leaves open; minimum Bayes risk apart.

    They are the first value of each, and each further value with the first of the other: few searches, since a higher
    penalty and a higher shortest length do much the same.

    Args:
        own: the language's `[decoding]`.
        lengths: lengths of people's captions, tokens; one or more.
    """
    ordered = sorted(lengths)
    shortest = [min(ordered[int(share * len(ordered))], own.max_length) for share in PEOPLES_SHARES]
    values = {"length_penalty": LENGTH_PENALTIES, "min_length": tuple(dict.fromkeys(shortest))}
    tried = {name: values[name] for name in values if name in own.left_open}
    first = {name: values[0] for name, values in tried.items()}
    return [first, *({**first, name: value} for name, values in tried.items() for value in values[1:])]


def choose_search(
    language: Language,
    folder: Path,
    dataset: Dataset,
    split: str,
    *,
    encoder: Any,
    runtime: Any,
    store: FeatureStore,
    progress: bool | None = None,
) -> None:
    """Choose the settings of a pack's search that `language.toml` leaves open, and record them in its card.

    Args:
        language: language of the pack.
        folder: folder of the pack.
        dataset: photos and references.
        split: name of the split to choose by.
        encoder: the encoder of the pack's features.
        runtime: an open runtime.
        store: features of the photos.
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Raises:
        PackError: there is no pack, it is broken, or it has another encoder.
        FeatureStoreError: the store is of another encoder, or lacks photos.
    """
    own, pack = language.decoding, load_pack(folder, encoder.artefact)
    if not own.left_open:
        record_search(folder, None)
        return
    photos = [photo for photo in dataset.split(split) if photo.name not in store.faults]
    references = [[language.normalize(caption.text) for caption in photo.captions] for photo in photos]
    lengths = [len(pack.tokenizer.encode(text)) for texts in references for text in texts if text]
    if not lengths:
        return  # nothing to choose by, which the evaluation reports
    if not available():
        logger.info("%s: the search is chosen by BLEU-4 alone. %s", language.code, HINT)
    rows = []
    for choice in progress_bar(choices(own, lengths), show=progress, unit="search", description="search"):
        risk = own.minimum_bayes_risk or "minimum_bayes_risk" in own.left_open
        settings = own.model_copy(update={**choice, "minimum_bayes_risk": risk})
        captioner = Captioner(language, pack, encoder, settings, runtime)
        for more, captions in _captions(captioner, own, photos, store):
            rows.append(_scored(language, {**choice, **more}, captions, references))
            logger.info("%s: %s", language.code, rows[-1])
    chosen = pick_search(rows).chosen
    logger.info("%s: the search is chosen: %s", language.code, chosen)
    record_search(folder, DecodingSettings.model_validate(chosen))


def _captions(
    captioner: Captioner, own: DecodingSettings, photos: Sequence[Photo], store: FeatureStore
) -> Iterator[tuple[dict[str, bool], list[str]]]:
    """Yield the captions of photos; if minimum Bayes risk is open, without it and with it, from the same search."""
    found = []
    for start in range(0, len(photos), BATCH_SIZE):
        features = reduced_features(captioner, photos[start : start + BATCH_SIZE], store)
        found += captioner.decode_reduced(features, own.beam_width)
    first = [candidates[0].text for candidates in found]
    if "minimum_bayes_risk" not in own.left_open:
        yield {}, first
        return
    likeliest = [max(candidates, key=lambda candidate: candidate.score).text for candidates in found]
    yield {"minimum_bayes_risk": False}, likeliest
    yield {"minimum_bayes_risk": True}, first


def _scored(language: Language, chosen: Choice, captions: list[str], references: list[list[str]]) -> SearchScores:
    """Score captions against references, which are normalised."""
    captions = [language.normalize(caption) for caption in captions]
    tokenizer = language.evaluation.sacrebleu_tokenizer
    words = words_of(tokenizer)
    bleu4 = corpus_bleu(captions, references, tokenizer=tokenizer)
    nonempty = [[text for text in texts if text] for texts in references]
    cider_d = float(coco_scores("cider_d", captions, nonempty, words).mean()) if available() else None
    return SearchScores(chosen, bleu4, cider_d, sum(len(words(caption)) for caption in captions) / len(captions))
