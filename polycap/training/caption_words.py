"""Words of captions as targets: the share of a photo's captions that contain each of a language's frequent words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polycap.dataset import Photo
from polycap.errors import TrainingError
from polycap.language import Language

__all__ = ["CaptionWords", "average_precision"]

Texts = Mapping[str, Sequence[frozenset[str]]]


@dataclass(frozen=True)
class CaptionWords:
    """Words of several languages' captions, and their shares in the captions of photos.

    Attributes:
        words: each column's language, by code, and word.
        shares: `(photos, words) float16`, 0 to 1.
        known: `(photos, words) bool`; false in a language that has no caption of the photo.
    """

    words: tuple[tuple[str, str], ...]
    shares: NDArray[np.float16]
    known: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        captions: Sequence[tuple[Language, Sequence[Photo]]],
        names: Sequence[str],
        train: int,
        words_per_language: int,
    ) -> "CaptionWords":
        """Choose each language's most frequent words, and count them.

        Args:
            captions: languages with photos and their captions.
            names: names of the photos, in the order of the rows; those of the train split first.
            train: number of train photos, whose captions decide which words are frequent.
            words_per_language: maximum number of words of a language.

        Raises:
            TrainingError: a language has no caption of the train photos.
        """
        parts = [_count(language, photos, names, train, words_per_language) for language, photos in captions]
        words, shares, known = zip(*parts, strict=True)
        return cls(sum(words, ()), np.concatenate(shares, axis=1), np.concatenate(known, axis=1))

    def rows(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return shares and whether they are known of some photos, both `(photos, words) float32`."""
        return self.shares[rows].astype(np.float32), self.known[rows].astype(np.float32)


def _count(
    language: Language, photos: Sequence[Photo], names: Sequence[str], train: int, limit: int
) -> tuple[tuple[tuple[str, str], ...], NDArray[np.float16], NDArray[np.bool_]]:
    texts: Texts = {
        photo.name: [frozenset(language.words(language.normalize(caption.text))) for caption in photo.captions]
        for photo in photos
    }
    counts = Counter(word for name in names[:train] for text in texts.get(name, ()) for word in text)
    if not counts:
        raise TrainingError(f"{language.code}: no caption of a train photo has a word; give captions of train photos")
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:limit]
    places = {word: place for place, word in enumerate(frequent)}
    shares = np.zeros((len(names), len(frequent)), dtype=np.float32)
    known = np.zeros(shares.shape, dtype=np.bool_)
    for row, name in enumerate(names):
        captions = texts.get(name, ())
        known[row] = bool(captions)
        for text in captions:
            shares[row, [places[word] for word in text if word in places]] += 1 / len(captions)
    return tuple((language.code, word) for word in frequent), shares.astype(np.float16), known


def average_precision(scores: NDArray[np.float32], words: CaptionWords, rows: NDArray[np.int64]) -> float:
    """Return the mean average precision of words, 0 to 1: how well scores find the photos whose captions have a word.

    A word counts if a caption of one of these photos contains it. Of equal scores, the earlier row comes first.

    Args:
        scores: `(photos, words) float32`.
        words: words and their shares.
        rows: rows of the photos in `words`, `(photos,)`.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    relevant = np.take_along_axis(words.shares[rows] > 0, order, axis=0)  # (photos, words)
    known = np.take_along_axis(words.known[rows], order, axis=0)
    ranks, hits = np.cumsum(known, axis=0), np.cumsum(relevant, axis=0)
    totals = hits[-1]
    precisions = np.where(relevant, hits / np.maximum(ranks, 1), 0).sum(axis=0)
    return float((precisions[totals > 0] / totals[totals > 0]).mean()) if totals.any() else 0.0
