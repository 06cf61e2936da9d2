"""Minimum Bayes risk decoding: which of the captions that were found is said."""

import math

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from polycap.decoder.rerank import bleu, count_ngrams, rerank
from polycap.decoder.results import LOG_ZERO, SearchResult
from polycap.language.settings import DecodingSettings
from polycap.text.tokenizer import PAD

SETTINGS = DecodingSettings(minimum_bayes_risk=True)

# A dog on the grass, three times; a man by himself, whom search holds likeliest.
MAN = [20, 21, 22, 23]
DOGS = [[5, 6, 7, 8], [5, 6, 7, 8, 9], [5, 6, 7, 8, 9, 10, 11]]


def found(captions: list[list[int]], scores: list[float], length: int = 8) -> SearchResult:
    """Return hypotheses of one photo; the log-probabilities are ten times the scores."""
    token_ids = np.full((1, len(captions), length), PAD, dtype=np.int32)
    for row, caption in zip(token_ids[0], captions, strict=True):
        row[: len(caption)] = caption
    array = np.array([scores], dtype=np.float32)
    return SearchResult(token_ids, array * 10, array)


def spoken(result: SearchResult, photo: int = 0) -> list[list[int]]:
    return [[int(token) for token in ids if token != PAD] for ids in result.token_ids[photo]]


def test_what_the_others_agree_on_is_said_not_the_likeliest() -> None:
    before = found([MAN, *DOGS], [-0.5, -0.6, -0.7, -0.8])
    after = rerank(before, SETTINGS)
    assert spoken(after)[0] == DOGS[1]
    assert spoken(after)[-1] == MAN
    assert sorted(spoken(after)) == sorted(spoken(before))


def test_one_far_likelier_than_all_others_is_said() -> None:
    assert spoken(rerank(found([MAN, *DOGS], [-0.5, -6.0, -6.1, -6.2]), SETTINGS))[0] == MAN


def test_the_order_is_that_of_the_expected_bleu() -> None:
    captions, scores = [*DOGS, MAN], [-0.1, -0.4, -0.9, -1.0]
    metric = BLEU(tokenize="none", force=True, effective_order=True, smooth_method="add-k", smooth_value=1)
    texts = [" ".join(map(str, caption)) for caption in captions]
    weights = [math.exp(score) for score in scores]
    expected = {
        tuple(caption): sum(
            w * metric.sentence_score(text, [other]).score for w, other in zip(weights, texts, strict=True)
        )
        for caption, text in zip(captions, texts, strict=True)
    }
    after = spoken(rerank(found(captions, scores), SETTINGS))
    assert after == sorted(captions, key=lambda caption: -expected[tuple(caption)])


@pytest.mark.parametrize("caption", [[], [1], [1, 2, 1, 2, 1, 2], [3, 4, 5, 6, 7, 8], [9, 9]])
@pytest.mark.parametrize("other", [[], [1, 2, 1], [3, 4, 5, 6, 7, 8, 9, 9], [1, 2, 3, 4, 5]])
def test_bleu_is_that_of_sacrebleu(caption: list[int], other: list[int]) -> None:
    metric = BLEU(tokenize="none", force=True, effective_order=True, smooth_method="add-k", smooth_value=1)
    texts = [" ".join(map(str, ids)) for ids in (caption, other)]
    expected = metric.sentence_score(texts[0], [texts[1]]).score
    assert bleu(count_ngrams(caption), count_ngrams(other)) == pytest.approx(expected)


def test_scores_and_log_probabilities_go_with_their_captions() -> None:
    scores = [-0.5, -0.6, -0.7, -0.8]
    before = found([MAN, *DOGS], scores)
    after = rerank(before, SETTINGS)
    of = dict(zip(map(tuple, spoken(before)), scores, strict=True))
    np.testing.assert_allclose(after.scores[0], [of[tuple(caption)] for caption in spoken(after)], rtol=1e-6)
    np.testing.assert_allclose(after.log_probs, after.scores * 10, rtol=1e-6)


def test_each_photo_is_for_itself() -> None:
    one, other = found([MAN, *DOGS], [-0.5, -0.6, -0.7, -0.8]), found([MAN, *DOGS], [-0.5, -6.0, -6.1, -6.2])
    both = SearchResult(*(np.concatenate(pair) for pair in zip(vars(one).values(), vars(other).values(), strict=True)))
    after = rerank(both, SETTINGS)
    assert spoken(after, 0)[0] == DOGS[1]
    assert spoken(after, 1)[0] == MAN


def test_what_was_not_found_stays_last() -> None:
    after = rerank(found([MAN, DOGS[0], [], DOGS[0]], [-0.5, -0.6, LOG_ZERO, LOG_ZERO]), SETTINGS)
    assert spoken(after)[:2] == [MAN, DOGS[0]]
    assert after.valid(0).tolist() == [True, True, False, False]


def test_an_empty_caption_that_was_found_is_no_fault() -> None:
    assert sorted(spoken(rerank(found([[], MAN], [-0.1, -0.5]), SETTINGS))) == [[], MAN]


@pytest.mark.parametrize("captions", [[MAN, *DOGS], [MAN]], ids=["switched off", "greedy"])
def test_where_it_is_not_wanted_nothing_changes(captions: list[list[int]]) -> None:
    before = found(captions, [-0.5, -0.6, -0.7, -0.8][: len(captions)])
    wanted = SETTINGS.model_copy(update={"minimum_bayes_risk": len(captions) == 1})
    assert rerank(before, wanted) is before
