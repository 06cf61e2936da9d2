"""Every decoder kind, held to what the interface promises; `merge` also against Keras' own LSTM."""

from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from decoding import make_captions, ops
from polycap.decoder.base import Decoder
from polycap.decoder.kinds import DECODERS, build_decoder
from polycap.decoder.packed import PackedShape, pack_captions
from polycap.decoder.settings import DecoderSettings
from polycap.decoder.weights import named_weights
from polycap.machine.backend import keras
from polycap.text.tokenizer import BOS, EOS, PAD
from polycap.training.settings import TrainingSettings
from tiny import CELLS, CHANNELS, KINDS, decoder_settings, make_decoder, make_features


@pytest.fixture(params=KINDS)
def decoder(request: pytest.FixtureRequest) -> Decoder:
    return make_decoder(request.param, scale=1.0)


def forced(decoder: Decoder, features: Any, token_ids: Any) -> Any:
    return np.asarray(decoder((features, token_ids)))


def stepped(decoder: Decoder, features: Any, token_ids: Any) -> Any:
    """Log-probabilities by `step`, `(photos, captions, length, vocab_size)`."""
    memory, state = decoder.prepare(features)
    state = tuple(ops.repeat(tensor, token_ids.shape[1], axis=1) for tensor in state)
    steps = []
    for position in range(token_ids.shape[2]):
        log_probs, state = decoder.step(token_ids[:, :, position], state, memory)
        steps.append(np.asarray(log_probs))
    return np.stack(steps, axis=2)


def test_the_kinds_are_those_of_the_settings() -> None:
    for settings in (DecoderSettings, TrainingSettings):
        assert sorted(get_args(settings.model_fields["kind"].annotation)) == KINDS
        assert settings.model_fields["kind"].default in DECODERS


UNEVEN = [[[BOS, 5, 6, 7, EOS], [BOS, 9, EOS]], [[BOS, 8, 7, 6, 5, 4, EOS], [BOS, EOS], [BOS, 11, 12, EOS]]]
"""The captions of two photos."""


def test_a_batch_is_answered_as_in_the_whole(decoder: Decoder) -> None:
    """Of its own vocabulary, in whatever order; captions of many lengths, with room for more."""
    features = make_features(2)
    vocabulary = np.array([0, *np.random.default_rng(1).permutation(np.arange(1, 30))], dtype=np.int32)
    correction = np.linspace(0, 2, 30, dtype=np.float32)
    packing, targets, order = pack_captions(UNEVEN, PackedShape((8, 8, 6, 3, 3, 2, 1), 24))
    flat = [(photo, ids) for photo, captions in enumerate(UNEVEN) for ids in captions]
    expected: dict[tuple[int, int], Any] = {}
    for row, caption in enumerate(order):
        photo, ids = flat[caption]
        whole = forced(decoder, features[photo][None], np.array([[ids[:-1]]], dtype=np.int32))[0, 0]
        expected |= {(row, step): (ids[step + 1], logits[vocabulary] + correction) for step, logits in enumerate(whole)}
    place_of = np.argsort(vocabulary).astype(np.int32)
    packing = packing._replace(steps=tuple(place_of[step] for step in packing.steps))
    logits = np.asarray(decoder((features, packing, vocabulary, correction)))
    assert logits.shape == (31, 30)
    places = [(row, step) for step, count in enumerate((8, 8, 6, 3, 3, 2, 1)) for row in range(count)]
    for place, target, found in zip(places, targets, logits, strict=True):
        wanted, values = expected.pop(place, (PAD, found))
        assert target == wanted
        np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-5)
    assert not expected


def test_teacher_forcing_is_stepping(decoder: Decoder) -> None:
    features, token_ids = make_features(2), make_captions()
    logits = forced(decoder, features, token_ids)
    assert logits.shape == (2, 3, 7, 30)
    assert logits.dtype == np.float32
    steps = stepped(decoder, features, token_ids)
    np.testing.assert_allclose(np.asarray(ops.log_softmax(logits)), steps, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.exp(steps).sum(-1), 1.0, rtol=1e-5)


def test_no_step_sees_what_comes_after_it(decoder: Decoder) -> None:
    features, token_ids = make_features(2), make_captions()
    before = forced(decoder, features, token_ids)
    token_ids[:, :, 4] = (token_ids[:, :, 4] - 4 + 1) % 26 + 4
    after = forced(decoder, features, token_ids)
    np.testing.assert_array_equal(before[:, :, :4], after[:, :, :4])
    assert (np.abs(before - after)[:, :, 4:].max(axis=-1) > 1e-5).all()


def test_captions_and_photos_do_not_touch_each_other(decoder: Decoder) -> None:
    features, token_ids = make_features(2), make_captions()
    together = forced(decoder, features, token_ids)
    swapped = forced(decoder, features, token_ids[:, [2, 0, 1]])
    np.testing.assert_allclose(swapped, together[:, [2, 0, 1]], rtol=1e-4, atol=1e-6)
    alone = forced(decoder, features[:1], token_ids[:1, :1])
    np.testing.assert_allclose(alone, together[:1, :1], rtol=1e-4, atol=1e-6)


def test_the_photo_decides(decoder: Decoder) -> None:
    """At every step; and of the merge kind the mean of its cells alone."""
    features, token_ids = make_features(1), make_captions(1)
    before = forced(decoder, features, token_ids)
    other = forced(decoder, make_features(1, seed=1), token_ids)
    assert (np.abs(before - other).max(axis=-1) > 1e-4).all()
    moved = forced(decoder, features[:, ::-1], token_ids)
    assert np.allclose(before, moved, atol=1e-5) == (decoder.settings.kind == "merge")


def test_a_photo_is_computed_once_for_all_its_captions(decoder: Decoder) -> None:
    memory, state = decoder.prepare(make_features(5))
    assert memory
    for tensor in memory:
        assert tensor.shape[0] == 5
    for tensor in state:
        assert tensor.shape[:2] == (5, 1)
    log_probs, after = decoder.step(np.full((5, 1), BOS, dtype=np.int32), state, memory)
    assert log_probs.shape == (5, 1, 30)
    assert [tensor.shape for tensor in after] == [tensor.shape for tensor in state]


def test_dropout_is_for_training_only(decoder: Decoder) -> None:
    inputs = make_features(2), make_captions()
    first, second = (np.asarray(decoder(inputs, training=False)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    first, second = (np.asarray(decoder(inputs, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


def test_half_precision_features(decoder: Decoder) -> None:
    """Stores are float16; a batch comes as it is stored."""
    features, token_ids = make_features(2).astype(np.float16), make_captions()
    half = forced(decoder, features, token_ids)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, forced(decoder, features.astype(np.float32), token_ids), rtol=1e-5, atol=1e-6)


def test_every_weight_learns_and_has_a_name_of_its_own(decoder: Decoder) -> None:
    import tensorflow as tf

    names = named_weights(decoder)
    assert len(names) == len(decoder.trainable_variables)
    with tf.GradientTape() as tape:
        loss = ops.sum(ops.square(decoder((make_features(2), make_captions()))))
    for name, gradient in zip(names, tape.gradient(loss, [v.value for v in names.values()]), strict=True):
        assert gradient is not None, name
        assert np.abs(np.asarray(tf.convert_to_tensor(gradient))).max() > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_decides_the_first_weights(kind: str) -> None:
    def weights(seed: int) -> list[Any]:
        keras.utils.set_random_seed(seed)
        return [np.asarray(v) for v in build_decoder(decoder_settings(kind)).trainable_variables]

    assert all(np.array_equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


@pytest.mark.parametrize(
    "wrong",
    [{"vocab_size": 4}, {"units": 0}, {"output_dropout": 1.0}, {"feature_dropout": -0.1}, {"kind": "other"}, {"x": 1}],
)
def test_settings_that_make_no_decoder(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DecoderSettings.model_validate({"kind": "merge", "vocab_size": 30, **wrong})


def test_merge_is_the_tutorials_model() -> None:
    """Dense of the pooled photo plus Keras' LSTM of the prefix, Dense, softmax: with the same weights, the same."""
    decoder: Any = make_decoder("merge", scale=1.0)
    units = decoder.settings.units
    features, token_ids = make_features(2), make_captions(captions=1)
    embedded = decoder.embedding(token_ids[:, 0])
    lstm = keras.layers.LSTM(units, return_sequences=True)
    lstm.build(embedded.shape)
    bias = np.asarray(decoder.token_gates.bias) + np.repeat([0, 1, 0, 0], units)  # Keras keeps the 1 in the bias
    lstm.set_weights([np.asarray(decoder.token_gates.kernel), np.asarray(decoder.state_gates.kernel), bias])
    photo = decoder.photo(features.mean(axis=1))
    logits = decoder.vocabulary(decoder.hidden(lstm(embedded) + photo[:, None]))
    np.testing.assert_allclose(forced(decoder, features, token_ids)[:, 0], np.asarray(logits), rtol=1e-3, atol=1e-4)


def test_sizes_are_those_of_the_settings() -> None:
    assert make_features(1).shape == (1, CELLS, CHANNELS)
    for kind in KINDS:
        decoder = make_decoder(kind, vocab_size=11, units=9, embedding=5)
        assert forced(decoder, make_features(1), np.full((1, 1, 1), BOS)).shape == (1, 1, 1, 11)
        shapes = {weight.shape for weight in decoder.trainable_variables}
        assert (11, 5) in shapes  # the embedding
        assert any(9 in shape for shape in shapes)


def test_merge_looks_at_no_cell() -> None:
    assert make_decoder("merge").attention(make_features(2), make_captions()) is None
