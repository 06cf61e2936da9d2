"""Tests of polycap/training/rewards.py."""

from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from polycap.metrics import words_of
from polycap.metrics.coco import coco_scores
from polycap.training.rewards import BleuReward, CiderReward
from polycap.training.self_critical import SampledBatches

pytest_plugins = ["tiny_fixtures"]

# --- rewards ---

REFERENCES = [["a dog runs over the green grass", "a brown dog runs on grass"], ["two men sit on a bench in a park"]]


def test_the_reward_is_the_change_of_corpus_bleu() -> None:
    """To first order, a caption changes log BLEU of a large corpus by its reward divided by the size of the corpus."""
    pairs = [("a dog runs on the grass", REFERENCES[0]), ("two men sit on a bench", REFERENCES[1])]
    pairs += [("a man sits on the bench in the park", REFERENCES[1]), ("a brown dog", REFERENCES[0])]
    captions, references = zip(*pairs, strict=True)
    rewards = BleuReward("13a")(captions, references)
    copies = 500

    def log_bleu(extra: int | None) -> float:
        chosen = [*range(len(pairs))] * copies + ([] if extra is None else [extra])
        metric = BLEU(tokenize="13a", smooth_method="none", force=True)
        most = max(map(len, references))
        streams: list[Any] = [
            [references[i][k] if k < len(references[i]) else None for i in chosen] for k in range(most)
        ]
        return float(np.log(metric.corpus_score([captions[i] for i in chosen], streams).score))

    base = log_bleu(None)
    changes = [(log_bleu(i) - base) * copies * len(pairs) for i in range(len(pairs))]
    np.testing.assert_allclose(rewards, changes, atol=0.02)
    assert np.ptp(rewards) > 0.5


def test_a_reward_without_any_matching_ngram_is_finite() -> None:
    rewards = BleuReward("13a")(["x y z", "", "q"], [REFERENCES[0]] * 3)
    assert np.isfinite(rewards).all()


def test_averages_move() -> None:
    reward = BleuReward("13a", memory=0.5)
    good, bad = "a dog runs over the green grass", "a cat"
    first = reward([good], [REFERENCES[0]])[0]
    reward([bad], [REFERENCES[0]])
    assert reward([good], [REFERENCES[0]])[0] > first + 0.1


@pytest.mark.parametrize("tokenizer", ["13a", "char"])
def test_cider_is_that_of_pycocoevalcap(tokenizer: str) -> None:
    captions = ["a dog runs over grass", "two men sit on a bench", "", "a a a dog"]
    references = [*REFERENCES, ["one lonely text"], ["a man and a dog on grass", "a dog and its man", "grass"]]
    expected = coco_scores("cider_d", captions, references, words_of(tokenizer)) / 100
    found = CiderReward(tokenizer, references)(captions, references)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[0] > 0.5


def test_several_rewards_have_equal_weight() -> None:
    """Each is divided by the standard deviation of its advantages, whatever its units."""
    tokens = np.arange(6, dtype=np.int32).reshape(2, 3, 1)
    one, other = np.array([1.0, 2.0, 6.0, 5.0, 5.0, 2.0]), np.array([900.0, 100.0, 200.0, 0.0, 300.0, 300.0])

    def weights(*rewards: Any) -> Any:
        source = MagicMock(photos=lambda _: [0, 1], __iter__=lambda _: iter([((np.zeros((2, 1, 1)),), None)]))
        tokenizer, sampler = MagicMock(vocab_size=30), MagicMock(draw=lambda *_: np.where(tokens == 0, 6, tokens))
        makers = [lambda *_, values=values: values for values in rewards]
        batches = SampledBatches(
            source, [["a"], ["b"]], tokenizer, sampler, lambda: makers, captions=3, length=1, seed=0
        )
        [((_, packing, *_), targets, weights)] = batches
        assert packing.photo_of.tolist() == [0, 0, 0, 1, 1, 1]
        assert targets.tolist() == [6, 1, 2, 3, 4, 5]
        return weights.reshape(2, 3)

    np.testing.assert_allclose(weights(one).std(), 1.0, rtol=1e-4)
    np.testing.assert_allclose(weights(one)[0].mean(), 0.0, atol=1e-6)
    both = weights(one) + weights(other)
    np.testing.assert_allclose(weights(one, other), both / both.std(), rtol=1e-4)
    np.testing.assert_allclose(weights(one, 1000 * other), weights(one, other), rtol=1e-4)
