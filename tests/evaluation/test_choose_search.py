"""Tests of polycap/evaluation/choose_search.py; tests/pipeline/test_build.py has a choice by a build."""

import pytest

from polycap.evaluation.choose_search import SearchScores, choices, pick_search
from polycap.language.settings import DecodingSettings


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(22.7, 62.8, 6.0), (22.5, 63.4, 6.5), (22.2, 63.2, 7.1)], 2),
        ([(22.7, 62.8, 6.0), (22.2, 62.9, 7.1), (22.1, 63.0, 9.0)], 1),  # BLEU-4 0.6 below the best
        ([(21.4, 46.5, 8.7), (21.3, 46.8, 9.0), (21.3, 46.2, 10.0)], 1),  # CIDEr-D 0.6 below the best
        ([(20.0, 50.0, 8.0), (20.2, 50.1, 8.0)], 0),  # as long: the first
        ([(20.5, 54.4, 5.5), (20.4, 54.4, 5.9), (20.3, 53.5, 6.0), (19.0, 56.1, 6.9)], 1),  # none is near both
        ([(20.0, None, 9.0), (20.4, None, 8.0), (19.0, None, 12.0)], 0),  # CIDEr-D is not installed
        ([(5.0, 5.0, 1.0)], 0),
    ],
)
def test_the_longest_captions_that_score_near_the_best(
    rows: list[tuple[float, float | None, float]], expected: int
) -> None:
    found = pick_search([SearchScores({"min_length": number}, *row) for number, row in enumerate(rows)])
    assert found.chosen == {"min_length": expected}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, [(0.7, 6), (1.0, 6), (0.7, 7), (0.7, 8)]),
        ({"max_length": 7}, [(0.7, 6), (1.0, 6), (0.7, 7)]),
        ({"max_length": 4}, [(0.7, 4), (1.0, 4)]),
    ],
)
def test_no_caption_is_shorter_than_the_shortest_twentieth_of_peoples(
    own: dict[str, int], expected: list[tuple[float, int]]
) -> None:
    lengths = [12] * 70 + [8] * 14 + [7] * 8 + [6] * 5 + [3, 4, 5]
    found = choices(DecodingSettings.model_validate(own), lengths)
    assert [(choice["length_penalty"], choice["min_length"]) for choice in found] == expected


def test_what_the_folder_sets_is_not_tried() -> None:
    assert choices(DecodingSettings(length_penalty=0.7), [5, 5]) == [{"min_length": 5}]
    assert choices(DecodingSettings(length_penalty=0.7, min_length=3), [5, 5]) == [{}]
    assert DecodingSettings(length_penalty=0.7, min_length=3).left_open == ("minimum_bayes_risk",)
