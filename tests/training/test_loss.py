"""Tests of polycap/training/loss.py."""

import itertools

import numpy as np
import pytest

from polycap.features.store import FeatureStore
from polycap.machine.backend import keras
from polycap.text.tokenizer import PAD
from polycap.training.loss import TokenLoss
from tiny import KINDS, make_decoder
from training_batches import make_batches, make_examples

pytest_plugins = ["tiny_fixtures"]


# --- the loss ---


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_loss(smoothing: float) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(scale=3, size=(2, 3, 5, 7)).astype(np.float32)
    targets = generator.integers(3, 7, (2, 3, 5)).astype(np.int32)
    targets[0, 1, 3:] = targets[1, 2, 1:] = targets[1, 0] = PAD
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    wanted = np.full(logits.shape, smoothing / 7) + (1 - smoothing) * np.eye(7)[targets]
    expected = -(wanted * log_probs).sum(-1)[targets != PAD].mean()
    loss = TokenLoss(smoothing, 7)
    assert float(loss(targets, logits)) == pytest.approx(expected, rel=1e-5)
    logits[targets == PAD] = 99.0  # what is said there does not matter
    assert float(loss(targets, logits)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_of_the_loss(smoothing: float) -> None:
    """Compare the gradient with finite differences."""
    import tensorflow as tf

    generator = np.random.default_rng(1)
    logits = generator.normal(scale=2, size=(4, 7))
    targets = np.array([5, PAD, 3, 6], dtype=np.int32)
    loss, variable = TokenLoss(smoothing, 7), tf.Variable(logits.astype(np.float32))
    with tf.GradientTape() as tape:
        value = 3.0 * loss(targets, variable)  # times what comes from above
    found = tape.gradient(value, variable).numpy()
    for place in np.ndindex(logits.shape):
        change = np.zeros_like(logits)
        change[place] = 1e-2
        difference = (float(loss(targets, logits + change)) - float(loss(targets, logits - change))) / 2e-2
        assert found[place] == pytest.approx(3.0 * difference, abs=1e-3)
    assert not found[1].any()
    assert np.abs(found[0]).max() > 0.1


def test_the_loss_of_padding_alone() -> None:
    assert float(TokenLoss(0.1, 7)(np.zeros((1, 2, 3), dtype=np.int32), np.ones((1, 2, 3, 7), dtype=np.float32))) == 0.0


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_over_a_batchs_vocabulary_is_nearly_that_over_all(
    kind: str, smoothing: float, stores: list[FeatureStore]
) -> None:
    """In a run whose batches differ in all sizes, which are then dynamic in TensorFlow's graph."""
    decoder = make_decoder(kind, scale=1.0, vocab_size=2000)
    decoder.compile(optimizer=keras.optimizers.SGD(0.0), loss=TokenLoss(smoothing, 2000), jit_compile=False)
    few, words = make_examples(), iter(range(100, 2000))
    many = [(name, [[*itertools.islice(words, 12)] for _ in captions]) for name, captions in few]
    loss, sizes = TokenLoss(smoothing, 2000), set()
    for examples in (few, many, few):
        batches = make_batches(examples, stores, photos_per_batch=12)
        differences = []
        for epoch in range(6):
            batches.start(epoch)
            [((features, packing, vocabulary, correction), targets)] = batches
            logits = decoder((features, packing, vocabulary, correction))
            whole = decoder((features, packing, vocabulary, np.zeros_like(correction)))
            all_types = np.concatenate([vocabulary, np.setdiff1d(np.arange(2000), vocabulary)]).astype(np.int32)
            everything = decoder((features, packing, all_types, np.zeros(2000, dtype=np.float32)))
            estimated, partial, exact = (float(loss(targets, each)) for each in (logits, whole, everything))
            assert exact - partial > (0.1 if smoothing else 0.5)
            differences.append(estimated - exact)
        assert abs(np.mean(differences)) < 0.04
        assert np.std(differences) < 0.08
        sizes.add((len(vocabulary), len(targets)))
        decoder.train_on_batch((features, packing, vocabulary, correction), targets)
    assert len(sizes) == 2
