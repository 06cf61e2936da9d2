"""Tests of polycap/decoder/attention.py."""

import numpy as np
import pytest

from decoding import make_captions, ops
from polycap.decoder.attention import AttentionDecoder
from tiny import CELLS, make_decoder, make_features


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
