"""Tests of polycap/translation/argos/sentences.py."""

import pytest

from polycap.translation.argos.sentences import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["A dog runs."],
        ["He sat.", "She ran."],
        ["two boys run across grass .", "third child partially in shot ."],
        ["Whoa !", "The cowboy is beneath the horse ."],
        ["A St. Bernard runs.", "It is red."],
        ["A man in a U.S. Army uniform waves ."],
        ["A sign that says no. 5 costs 2.5 dollars."],
        ["A dog . . ."],
        ['A wall with " Where are you ? " painted on it .'],
        ["John F. Kennedy vs. Mr. Nixon"],
    ],
)
def test_sentences_of_a_caption(sentences: list[str]) -> None:
    assert split_sentences(" ".join(sentences)) == sentences


def test_sentences_without_spaces_between() -> None:
    assert split_sentences("狗在跑。人在看。") == ["狗在跑。", "人在看。"]
