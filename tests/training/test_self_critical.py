"""Tests of self-critical training: samples, rewards, and the probabilities of samples with higher rewards."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.dataset import ReferenceCaption
from polycap.decoder.sampling import Sampler
from polycap.decoder.weights import named_weights
from polycap.errors import TrainingError
from polycap.machine.backend import keras
from polycap.pack.pack import load_pack
from polycap.text.tokenizer import BOS, EOS, PAD, UNK, Tokenizer
from polycap.training.inputs import TrainingInputs
from polycap.training.rewards import CiderReward, Words
from polycap.training.run import train_decoder
from polycap.training.self_critical import PolicyLoss
from tiny import KINDS, make_decoder, make_features, training_settings

pytest_plugins = ["tiny_fixtures"]


def chance(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


# --- drawing ---


@pytest.mark.parametrize("kind", KINDS)
def test_captions_end_once_and_have_no_forbidden_token(kind: str) -> None:
    drawn = Sampler(make_decoder(kind, scale=1.0)).draw(make_features(3), chance(3, 40, 12))
    assert drawn.shape == (3, 40, 12)
    assert drawn.dtype == np.int32
    assert not np.isin(drawn, [UNK, BOS]).any()
    ends = 0
    for caption in drawn.reshape(-1, 12):
        length = int(np.argmax(caption == EOS)) if EOS in caption else 12
        assert (caption[:length] != PAD).all()
        assert (caption[length + 1 :] == PAD).all()
        ends += EOS in caption
    assert 0 < ends < 120


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_sampled_from_the_decoders_distribution(kind: str) -> None:
    decoder = make_decoder(kind, scale=1.0)
    features = make_features(1)
    memory, state = decoder.prepare(keras.ops.convert_to_tensor(features))
    log_probs, _ = decoder.step(keras.ops.full((1, 1), BOS, dtype="int32"), state, memory)
    expected = np.exp(np.asarray(log_probs)[0, 0])
    expected[[PAD, UNK, BOS]] = 0
    expected /= expected.sum()
    drawn = Sampler(decoder).draw(features, chance(1, 20_000, 1))[0, :, 0]
    counts = Counter(drawn.tolist())
    found = np.array([counts[token] for token in range(len(expected))]) / len(drawn)
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(0.25 / len(drawn)))


def test_the_same_random_numbers_sample_the_same() -> None:
    sampler, features = Sampler(make_decoder("attention")), make_features(2)
    one, same, other = (sampler.draw(features, chance(2, 5, 8, seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_the_ends_of_the_interval() -> None:
    """Neither end samples a forbidden or unknown token."""
    decoder = make_decoder("attention")
    marks = np.broadcast_to(np.array([0.0, np.nextafter(np.float32(1), np.float32(0))], np.float32)[:, None], (2, 6))
    drawn = Sampler(decoder).draw(make_features(1), np.ascontiguousarray(marks)[None])
    assert ((drawn >= 0) & (drawn < decoder.settings.vocab_size)).all()
    assert not np.isin(drawn, [UNK, BOS]).any()


# --- learning ---


def test_the_loss_raises_the_probability_of_samples_above_the_photos_others() -> None:
    decoder = make_decoder("attention", scale=1.0)
    decoder.compile(optimizer=keras.optimizers.SGD(0.5), loss=PolicyLoss(), jit_compile=False)
    features = make_features(1)
    tokens = np.array([[[5, 6, EOS], [7, 8, EOS]]], dtype=np.int32)
    inputs = np.concatenate([np.full((1, 2, 1), BOS, np.int32), tokens[:, :, :-1]], axis=2)

    def log_probs() -> Any:
        logits = decoder((features, inputs))
        chosen = keras.ops.take_along_axis(keras.ops.log_softmax(logits), tokens[..., None], axis=-1)
        return np.asarray(keras.ops.sum(chosen, axis=(2, 3)))[0]

    before = log_probs()
    weights = np.broadcast_to(np.array([1.0, -1.0], np.float32)[None, :, None], tokens.shape)
    for _ in range(5):
        decoder.train_on_batch((features, inputs), tokens, weights)
    after = log_probs()
    assert after[0] > before[0] + 0.05
    assert after[1] < before[1] - 0.05


@pytest.mark.parametrize("reward", ["bleu", "both"])
def test_a_run_with_another_reward(reward: str, tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    settings = training_settings(epochs=1, self_critical_epochs=1, self_critical_reward=reward)
    train_decoder(tiny_inputs, tmp_path, settings, progress=False)
    free, forced = (tmp_path / "self-critical" / "checkpoint.npz", tmp_path / "best.npz")
    with np.load(free) as after, np.load(forced) as before:
        assert any(not np.allclose(after[f"average/{k}"], before[name]) for k, name in enumerate(before))


def test_a_run_raises_the_reward(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    """On its train photos: a tiny decoder does not generalise."""
    common: dict[str, Any] = {"feature_dropout": 0.0, "embedding_dropout": 0.0, "output_dropout": 0.0, "epochs": 15}
    settings = training_settings(
        **common, self_critical_epochs=12, self_critical_reward="cider", self_critical_rate=3e-3
    )
    folder = tmp_path / "run"
    train_decoder(tiny_inputs, folder, settings, progress=False)
    pack = load_pack(folder / "pack")
    photos = tiny_inputs.dataset.split("train")
    features = tiny_inputs.stores[0].read(photo.name for photo in photos)
    references = [[tiny_inputs.language.normalize(c.text) for c in photo.captions] for photo in photos]

    words: list[list[Words]] = [[tuple(text.split()) for text in texts] for texts in references]
    worth = CiderReward(words)

    def drawn(weights: Mapping[str, Any]) -> list[list[Words]]:
        for name, variable in named_weights(pack.decoder).items():
            variable.assign(weights[name])
        tokens = Sampler(pack.decoder).draw(features, chance(len(photos), 30, 12))
        return [[tuple(pack.tokenizer.decode(ids).split()) for ids in photo] for photo in tokens]

    with np.load(folder / "best.npz") as before, np.load(folder / "self-critical" / "checkpoint.npz") as after:
        last = {name: after[f"average/{place}"] for place, name in enumerate(named_weights(pack.decoder))}
        captions = drawn(before), drawn(last)
    before_and_after = [worth(texts, words).mean() for texts in captions]
    assert before_and_after[1] > before_and_after[0]


def test_empty_references_are_not_used(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    """Captions by people are preferred, unless they are empty once normalised."""

    def mix(caption: ReferenceCaption) -> ReferenceCaption:
        return replace(caption, origin="mt:x") if caption.index < 2 else replace(caption, text="!!!")

    first = tiny_inputs.dataset.split("train")[0].name
    captions = {photo.name: photo.captions for photo in tiny_inputs.dataset.photos}
    captions[first] = tuple(map(mix, captions[first]))
    inputs = replace(tiny_inputs, dataset=tiny_inputs.dataset.with_captions(captions))
    train_decoder(inputs, tmp_path, training_settings(epochs=1, self_critical_epochs=1), progress=False)


# --- starting from another language ---


def test_a_run_with_an_initial_pack_of_other_tokens(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    first = train_decoder(tiny_inputs, tmp_path / "first", training_settings(epochs=1), progress=False)
    texts = [caption.text for photo in tiny_inputs.dataset.split("train") for caption in photo.captions]
    other = Tokenizer.train([*texts, "quite another text"], tiny_inputs.language.tokenizer)
    inputs = replace(tiny_inputs, initial_pack=first, tokenizer=other)
    frozen = training_settings(epochs=1, learning_rate=1e-12, warmup_epochs=0)
    second = load_pack(train_decoder(inputs, tmp_path / "second", frozen, progress=False)).decoder
    theirs = named_weights(load_pack(first).decoder)
    assert second.token_weights
    for name, variable in named_weights(second).items():
        ours, given = np.asarray(variable), np.asarray(theirs[name])
        same = ours.shape == given.shape and np.allclose(ours, given, atol=1e-3)
        assert same == (name not in second.token_weights) or name == "output_bias", name
    with pytest.raises(TrainingError, match="another kind or size"):
        train_decoder(inputs, tmp_path / "third", training_settings(units=8), progress=False)
    with pytest.raises(TrainingError, match=r"config\.json:start: this run was started with"):
        train_decoder(replace(inputs, initial_pack=None), tmp_path / "second", frozen, progress=False)


def test_a_run_with_an_initial_pack_of_the_same_tokens(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    """Self-critical training of a pack, without an epoch of teacher forcing."""
    first = train_decoder(tiny_inputs, tmp_path / "first", training_settings(epochs=2), progress=False)
    inputs, folder = replace(tiny_inputs, initial_pack=first), tmp_path / "second"
    settings = training_settings(epochs=0, self_critical_epochs=1)
    pack = load_pack(train_decoder(inputs, folder, settings, progress=False))
    with np.load(folder / "best.npz") as begun:
        for name, variable in named_weights(load_pack(first).decoder).items():
            np.testing.assert_array_equal(begun[name], np.asarray(variable))
    before = load_pack(first).card.training["best epoch's dev BLEU-4"]
    assert pack.card.training["best epoch"] == 0
    assert pack.card.training["trained before"] == load_pack(first).card.training
    assert "- trained before: kind: attention; " in (folder / "pack" / "CARD.md").read_text(encoding="utf-8")
    assert pack.card.training["best epoch's dev BLEU-4"] == pytest.approx(before, abs=0.5)  # a pack's are rounded
    again = train_decoder(inputs, folder, settings, progress=False)
    assert load_pack(again).card == pack.card
    for start, epochs in ((None, 1), (first, 0)):
        settings = training_settings(epochs=0, self_critical_epochs=epochs)
        with pytest.raises(TrainingError, match="epochs=0 needs an initial pack and self_critical_epochs above 0"):
            train_decoder(replace(tiny_inputs, initial_pack=start), tmp_path / "third", settings, progress=False)
    settings = training_settings(epochs=0, self_critical_epochs=1)
    other = Tokenizer.train(["quite another text"], tiny_inputs.language.tokenizer)
    with pytest.raises(TrainingError, match="has another tokenizer; train with epochs above 0"):
        train_decoder(replace(inputs, tokenizer=other), tmp_path / "fourth", settings, progress=False)
