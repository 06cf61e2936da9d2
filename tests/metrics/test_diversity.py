"""Tests of polycap/metrics/diversity.py."""

import pytest

from polycap.metrics import Diversity, Lengths


def test_diversity_by_hand() -> None:
    texts = ["a dog runs", "a dog runs", "a cat"]
    found = Diversity.of(texts, str.split)
    assert (found.captions, found.distinct, found.vocabulary) == (3, 2, 4)
    assert found.most_frequent == "a dog runs"
    assert found.most_frequent_share == pytest.approx(2 / 3)
    assert found.div1 == pytest.approx(4 / 8)
    assert found.div2 == pytest.approx(3 / 5)
    empty = Diversity.of([""], str.split)
    assert (empty.vocabulary, empty.div1, empty.div2) == (0, 0, 0)
    assert Lengths.of(texts, str.split).counts == (0, 0, 1, 2)
    assert Lengths.of(texts, str.split).mean == pytest.approx(8 / 3)
