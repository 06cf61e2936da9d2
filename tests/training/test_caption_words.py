"""Tests of polycap/training/caption_words.py."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polycap.dataset import Photo, ReferenceCaption
from polycap.errors import TrainingError
from polycap.language import Language
from polycap.training.caption_words import CaptionWords, average_precision

pytest_plugins = ["tiny_fixtures"]


def photo(name: str, *captions: str) -> Photo:
    return Photo(name, Path(name), "train", tuple(ReferenceCaption(i, text) for i, text in enumerate(captions)))


PHOTOS = [photo("a", "A red dog.", "a dog"), photo("b", "one cat"), photo("c", "the dog", "a cat", "a bird", "a dog")]


def test_shares_of_the_most_frequent_words(tiny_language: Language) -> None:
    words = CaptionWords.of([(tiny_language, PHOTOS)], ["a", "b", "none", "c"], train=3, words_per_language=3)
    code = tiny_language.code
    assert words.words == ((code, "a"), (code, "dog"), (code, "cat"))  # of train photos; ties by the alphabet
    np.testing.assert_array_equal(words.shares, [[1, 1, 0], [0, 0, 1], [0, 0, 0], [0.75, 0.5, 0.25]])
    np.testing.assert_array_equal(words.weights, np.outer([1, 1, 0, 1], [1, 1, 1]))


def test_several_languages_have_columns_of_their_own(tiny_language: Language) -> None:
    words = CaptionWords.of([(tiny_language, PHOTOS), (tiny_language, PHOTOS[:1])], ["a", "b"], 2, 2)
    assert words.shares.shape == (2, 4)
    np.testing.assert_array_equal(words.weights, [[1, 1, 1, 1], [1, 1, 0, 0]])


def test_a_caption_counts_by_its_weight(tiny_language: Language) -> None:
    captions = (ReferenceCaption(0, "a dog"), ReferenceCaption(1, "a cat", "mt:x", weight=0.25))
    photos = [replace(PHOTOS[0], captions=captions), replace(PHOTOS[1], captions=captions[1:])]
    words = CaptionWords.of([(tiny_language, photos)], ["a", "b"], train=2, words_per_language=3)
    assert [word for _, word in words.words] == ["a", "dog", "cat"]  # seen once, but by a person
    expected = np.array([[1, 0.8, 0.2], [1, 0, 1]], dtype=np.float32)
    np.testing.assert_allclose(words.shares.astype(np.float32), expected, atol=1e-3)
    np.testing.assert_array_equal(words.weights, [[1, 1, 1], [0.25, 0.25, 0.25]])
    alike = CaptionWords.of([(tiny_language, [photos[0], PHOTOS[1]])], ["a", "b"], 2, 3)
    assert words.identity != alike.identity


def test_captions_of_other_photos(tiny_language: Language) -> None:
    with pytest.raises(TrainingError, match="qaa: no caption of a train photo has a word; give captions of train"):
        CaptionWords.of([(tiny_language, PHOTOS)], ["x", "a"], train=1, words_per_language=3)


def test_average_precision(tiny_language: Language) -> None:
    words = CaptionWords.of([(tiny_language, PHOTOS)], ["a", "b", "c"], 3, 3)  # a, dog, cat
    scores = np.array([[3, 3, 9], [2, 2, 8], [1, 1, 7]], dtype=np.float32)
    # "a" and "dog" of photos a and c: found first and third; "cat" of b and c: second and third
    expected = np.mean([(1 + 2 / 3) / 2, (1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2])
    assert average_precision(scores, words, np.arange(3)) == pytest.approx(expected)
    perfect = words.shares.astype(np.float32)
    assert average_precision(perfect, words, np.arange(3)) == 1.0
    assert average_precision(scores[:1], words, np.array([1])) == 1.0  # "cat" alone is there to be found
