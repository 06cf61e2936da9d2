"""Words of captions as targets: the share of a photo's captions that contain each of a language's frequent words.

A caption counts by its weight: among the photo's captions in its language, and, as the largest weight of these, in the
loss of the language's words. So machine's captions can teach beside people's, and less.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polycap.dataset import Photo
from polycap.errors import TrainingError
from polycap.language import Language

__all__ = ["CaptionWords", "average_precision"]

Texts = Mapping[str, Sequence[tuple[frozenset[str], float]]]
"""Words and weight of each caption, by photo."""


@dataclass(frozen=True)
class CaptionWords:
    """Words of several languages' captions, and their shares in the captions of photos.

    Attributes:
        words: each column's language, by code, and word.
        shares: share of a photo's captions with the word, by weight, `(photos, words) float16`, 0 to 1.
        weights: largest weight of a photo's captions in the word's language, `(photos, words) float16`; 0 without
            captions.
    """

    words: tuple[tuple[str, str], ...]
    shares: NDArray[np.float16]
    weights: NDArray[np.float16]

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
        words, shares, weights = zip(*parts, strict=True)
        return cls(sum(words, ()), np.concatenate(shares, axis=1), np.concatenate(weights, axis=1))

    def rows(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return shares and weights of some photos, both `(photos, words) float32`."""
        return self.shares[rows].astype(np.float32), self.weights[rows].astype(np.float32)

    @property
    def identity(self) -> str:
        """Hash of shares and weights: 16 hexadecimal digits."""
        known = self.weights > 0
        hasher = hashlib.sha256(self.shares.tobytes() + known.tobytes())
        if (self.weights[known] != 1).any():
            hasher.update(self.weights.tobytes())
        return hasher.hexdigest()[:16]


def _count(
    language: Language, photos: Sequence[Photo], names: Sequence[str], train: int, limit: int
) -> tuple[tuple[tuple[str, str], ...], NDArray[np.float16], NDArray[np.float16]]:
    texts: Texts = {
        photo.name: [
            (frozenset(language.words(language.normalize(caption.text))), caption.weight) for caption in photo.captions
        ]
        for photo in photos
    }
    counts: dict[str, float] = defaultdict(float)
    for text, weight in (caption for name in names[:train] for caption in texts.get(name, ())):
        for word in text:
            counts[word] += weight
    if not counts:
        raise TrainingError(f"{language.code}: no caption of a train photo has a word; give captions of train photos")
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:limit]
    places = {word: place for place, word in enumerate(frequent)}
    shares = np.zeros((len(names), len(frequent)), dtype=np.float32)
    weights = np.zeros(shares.shape, dtype=np.float16)
    for row, name in enumerate(names):
        captions = texts.get(name, ())
        weights[row] = max((weight for _, weight in captions), default=0)
        total = sum(weight for _, weight in captions)
        for text, weight in captions:
            shares[row, [places[word] for word in text if word in places]] += weight / total
    return tuple((language.code, word) for word in frequent), shares.astype(np.float16), weights


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
    known = np.take_along_axis(words.weights[rows] > 0, order, axis=0)
    ranks, hits = np.cumsum(known, axis=0), np.cumsum(relevant, axis=0)
    totals = hits[-1]
    precisions = np.where(relevant, hits / np.maximum(ranks, 1), 0).sum(axis=0)
    return float((precisions[totals > 0] / totals[totals > 0]).mean()) if totals.any() else 0.0
