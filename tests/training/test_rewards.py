"""Tests of polycap/training/rewards.py."""

from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from polycap.metrics import words_of
from polycap.metrics.coco import coco_scores
from polycap.training import self_critical
from polycap.training.rewards import END, BleuReward, CiderReward, Reward, Words, bleu_counts, rewards_by_name
from tiny import make_decoder

pytest_plugins = ["tiny_fixtures"]

# --- rewards ---

REFERENCES = [["a dog runs over the green grass", "a brown dog runs on grass"], ["two men sit on a bench in a park"]]


def split(*texts: str) -> list[Words]:
    return [tuple(text.split()) for text in texts]


def alone(reward: Reward, captions: list[str], references: list[list[str]]) -> list[float]:
    """Return the reward of one caption for each photo."""
    rewards = reward([split(caption) for caption in captions], [split(*texts) for texts in references])
    return [float(reward) for [reward] in rewards]


def test_the_reward_is_the_change_of_corpus_bleu() -> None:
    """To first order, a caption changes log BLEU of a large corpus by its reward divided by the size of the corpus."""
    pairs = [("a dog runs on the grass", REFERENCES[0]), ("two men sit on a bench", REFERENCES[1])]
    pairs += [("a man sits on the bench in the park", REFERENCES[1]), ("a brown dog", REFERENCES[0])]
    captions, references = map(list, zip(*pairs, strict=True))
    rewards = alone(BleuReward(), captions, references)
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


@pytest.mark.parametrize("caption", ["a dog runs over a dog on the the grass", "grass", "", "a brown dog on grass"])
def test_counts_are_those_of_sacrebleu(caption: str) -> None:
    references = [*REFERENCES[0], "the dog the dog", "a brown dog runs on the grass in a park today"]
    score = BLEU(tokenize="none", force=True, effective_order=True).sentence_score(caption, references)
    [counts] = bleu_counts(split(caption), split(*references))
    assert counts == [*score.counts, *score.totals, score.sys_len, score.ref_len]


def test_a_reward_without_any_matching_ngram_is_finite() -> None:
    assert np.isfinite(alone(BleuReward(), ["x y z", "", "q"], [REFERENCES[0]] * 3)).all()


def test_averages_move() -> None:
    reward = BleuReward(memory=0.5)
    good, bad = "a dog runs over the green grass", "a cat"
    [first] = alone(reward, [good], [REFERENCES[0]])
    alone(reward, [bad], [REFERENCES[0]])
    assert alone(reward, [good], [REFERENCES[0]])[0] > first + 0.1


def test_cider_is_that_of_pycocoevalcap() -> None:
    captions = ["a dog runs over grass", "two men sit on a bench", "", "a a a dog"]
    references = [*REFERENCES, ["one lonely text"], ["a man and a dog on grass", "a dog and its man", "grass"]]
    expected = coco_scores("cider_d", captions, references, words_of("13a")) / 100
    found = alone(CiderReward([split(*texts) for texts in references]), captions, references)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[0] > 0.5


@pytest.mark.parametrize("name", ["bleu", "cider"])
def test_the_end_of_a_caption_is_rewarded(name: str) -> None:
    """A caption that breaks off where no reference ends loses by it, beside one that ends like a reference."""
    photos = [[(*text.split(), END) for text in texts] for texts in REFERENCES]
    [broken, whole] = split("two men sit on a bench in a", "two men sit on a bench in park")
    [reward] = rewards_by_name(name, photos)()

    def difference(*end: str) -> float:
        rewards = reward([[(*broken, *end), (*whole, *end)]], [photos[1]])[0]
        return float(rewards[1] - rewards[0])

    assert difference(END) > difference() + 0.01


def test_several_rewards_have_equal_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is divided by the standard deviation of its advantages, whatever its units."""
    tokens = np.arange(6, dtype=np.int32).reshape(2, 3, 1)
    one, other = np.array([[1.0, 2.0, 6.0], [5.0, 5.0, 2.0]]), np.array([[900.0, 100.0, 200.0], [0.0, 300.0, 300.0]])

    def weights(*rewards: Any) -> Any:
        source = MagicMock(photos=lambda _: [0, 1], features=lambda _: np.zeros((2, 1, 1)), __len__=lambda _: 1)
        sampler = MagicMock(draw=lambda *_: np.where(tokens == 0, 6, tokens))
        tokenizer = MagicMock(vocab_size=30, decode=lambda _: "a")
        makers = [lambda *_, values=values: values for values in rewards]
        monkeypatch.setattr(self_critical, "rewards_by_name", lambda *_: lambda: makers)
        monkeypatch.setattr(self_critical, "Sampler", lambda _: sampler)
        batches = self_critical.SampledBatches(
            source,
            [["a"], ["b"]],
            tokenizer,
            make_decoder("attention"),
            "both",
            words_of=str.split,
            captions=3,
            length=2,
            seed=0,
        )
        [((_, packing, *_), targets, weights)] = batches
        assert packing.photo_of[:6].tolist() == [0, 0, 0, 1, 1, 1]
        assert targets[:6].tolist() == [6, 1, 2, 3, 4, 5]
        assert not targets[6:].any()
        assert not weights[6:].any()
        return weights[:6].reshape(2, 3) * 6 / len(weights)

    np.testing.assert_allclose(weights(one).std(), 1.0, rtol=1e-4)
    np.testing.assert_allclose(weights(one)[0].mean(), 0.0, atol=1e-6)
    both = weights(one) + weights(other)
    np.testing.assert_allclose(weights(one, other), both / both.std(), rtol=1e-4)
    np.testing.assert_allclose(weights(one, 1000 * other), weights(one, other), rtol=1e-4)
