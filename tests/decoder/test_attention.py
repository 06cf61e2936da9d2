"""Tests of polycap/decoder/attention.py."""

import numpy as np
import pytest

from decoding import make_captions, ops
from polycap.decoder.attention import AttentionDecoder
from polycap.decoder.kinds import build_decoder
from polycap.decoder.shapes import photo_shapes
from polycap.decoder.weights import named_weights
from polycap.machine.backend import keras
from tiny import CELLS, decoder_settings, make_decoder, make_features


def test_attention_is_what_each_step_looked_at() -> None:
    decoder = make_decoder("attention", scale=1.0)
    assert isinstance(decoder, AttentionDecoder)
    features, token_ids = make_features(2), make_captions()
    weights = np.asarray(decoder.attention(features, token_ids))
    assert weights.shape == (2, 3, 7, CELLS)
    assert weights.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    memory, state = decoder.prepare(features)
    state = tuple(ops.repeat(tensor, 3, axis=1) for tensor in state)
    for position in range(7):
        _, state = decoder.step(token_ids[:, :, position], state, memory)
        _, looked = decoder.attend(decoder.query(state[0]), memory[0])
        assert weights[:, :, position] == pytest.approx(np.asarray(looked), abs=1e-5)


def test_decoders_that_share_photo_layers_see_the_same_photo() -> None:
    """A step of one moves the photo layers of the other, and nothing else of it."""
    one = make_decoder("attention", scale=1.0)
    other = build_decoder(decoder_settings("attention", vocab_size=11), one.photo_layers)
    ours, theirs = named_weights(one), named_weights(other)
    shared = {name for name in ours if ours[name] is theirs[name]}
    assert shared == photo_shapes(one.settings).keys()
    before = {name: np.asarray(variable) for name, variable in theirs.items()}
    features = make_features(2)
    one.compile(optimizer=keras.optimizers.SGD(1.0), loss=lambda _, logits: ops.mean(logits**2), jit_compile=False)
    one.train_on_batch((features, make_captions()), np.zeros((2, 3, 7), dtype=np.int32))
    moved = {name for name, variable in theirs.items() if (np.asarray(variable) != before[name]).any()}
    assert moved == shared
    for mine, seen in zip(one.prepare(features), other.prepare(features), strict=True):
        for tensor, same in zip(mine, seen, strict=True):
            np.testing.assert_array_equal(np.asarray(tensor), np.asarray(same))
