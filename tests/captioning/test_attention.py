"""Tests of polycap/captioning/attention.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoders import CARD
from polycap.captioning.attention import AttentionMap
from polycap.captioning.attention import attention_maps as maps_of
from polycap.encoder.artefact import EncoderArtefact
from polycap.pack.pack import Pack
from polycap.runtime.keras_runtime import KerasRuntime
from polycap.text.tokenizer import BOS, Tokenizer
from tiny import CELLS, make_card, make_decoder, make_features

pytest_plugins = ["tiny_fixtures"]

CAPTIONS = ["a red circle on white", "", "a blue square"]


def make_pack(kind: str, tokenizer: Tokenizer) -> Pack:
    decoder = make_decoder(kind, scale=1.0, vocab_size=tokenizer.vocab_size)
    pack = Pack(Path(), make_card(decoder, tokenizer), tokenizer, EncoderArtefact(Path(), CARD), {})
    vars(pack)["decoder"] = decoder  # as if it had been loaded
    return pack


def attention_maps(pack: Pack, features: Any, captions: list[str]) -> list[list[AttentionMap]]:
    return maps_of(pack.tokenizer, KerasRuntime().attention(pack), features, captions)


def test_each_token_has_an_attention_map(tiny_tokenizer: Tokenizer) -> None:
    pack = make_pack("attention", tiny_tokenizer)
    features = make_features(3)
    found = attention_maps(pack, features, CAPTIONS)
    assert ["".join(gaze.token for gaze in gazes).strip() for gazes in found] == CAPTIONS
    assert all(gaze.weights.shape == (CELLS,) for gazes in found for gaze in gazes)
    assert all(gaze.weights.sum() == pytest.approx(1, abs=1e-5) for gazes in found for gaze in gazes)
    alone = attention_maps(pack, features[2:], CAPTIONS[2:])[0]  # what pads the others changes nothing
    for one, other in zip(found[2], alone, strict=True):
        assert one.weights == pytest.approx(other.weights, abs=1e-5)


def test_the_first_token_is_chosen_after_the_start(tiny_tokenizer: Tokenizer) -> None:
    pack = make_pack("attention", tiny_tokenizer)
    features = make_features(1)
    [gazes] = attention_maps(pack, features, ["a circle"])
    weights = np.asarray(pack.decoder.attention(features, np.array([[[BOS]]], dtype=np.int32)))
    assert gazes[0].weights == pytest.approx(weights[0, 0, 0], abs=1e-5)


def test_a_decoder_without_attention_has_no_maps(tiny_tokenizer: Tokenizer) -> None:
    assert attention_maps(make_pack("merge", tiny_tokenizer), make_features(3), CAPTIONS) == [[], [], []]
    assert attention_maps(make_pack("attention", tiny_tokenizer), make_features(1), [""]) == [[]]
