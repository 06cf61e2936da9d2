"""Training: the batches, the loss, the averaging, and whole tiny runs, one of them killed and resumed."""

import contextlib
import csv
import itertools
import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from tiny import CELLS, CHANNELS, KINDS, RECIPE, make_decoder, make_store, training_settings

from polycap.backend import keras
from polycap.dataset import Caption
from polycap.decoder.pack import Card, load_pack, named_weights, read_card
from polycap.decoder.search import Search
from polycap.errors import EvaluationError, FeatureStoreError, TrainingError
from polycap.features.store import FeatureStore, StoreWriter
from polycap.metrics import bleu
from polycap.tokenizer import BOS, EOS, PAD, Tokenizer
from polycap.training.callbacks import Average
from polycap.training.data import LENGTH_CLASSES, Batches, Example
from polycap.training.inputs import TrainingInputs
from polycap.training.loss import TokenLoss
from polycap.training.optimizers import teacher_forcing_optimizer
from polycap.training.phase import _run_epochs, _tensorboard
from polycap.training.run import train_decoder
from polycap.training.settings import TrainingSettings, parse_settings

pytest_plugins = ["tiny_fixtures"]

# --- batches ---


def make_examples(photos: int = 12, captions: int = 5) -> list[Example]:
    """Captions of 1 to 9 tokens, each with a first token of its own."""
    generator = np.random.default_rng(0)
    numbers = iter(range(100, 100_000))
    return [
        (
            f"{p}.jpg",
            [[next(numbers), *generator.integers(4, 50, generator.integers(9)).tolist()] for _ in range(captions)],
        )
        for p in range(photos)
    ]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[FeatureStore]:
    """Two views of 12 photos, in another order than the examples."""
    folder = tmp_path_factory.mktemp("views")
    names = [f"{p}.jpg" for p in reversed(range(12))]
    return [make_store(folder / "plain", names), make_store(folder / "mirrored", names, seed=1, mirrored=True)]


def make_batches(examples: list[Example], stores: list[FeatureStore], **options: Any) -> Batches:
    values = {"photos_per_batch": 4, "captions_per_photo": 5, "max_tokens": 30, "vocab_size": 2000, "seed": 0}
    return Batches(examples, stores, **{**values, **options})


def laid_out(batches: Batches) -> Iterator[tuple[tuple[Any, Any], Any]]:
    """Each batch in token ids, inputs and targets `(photos, captions, length)`."""
    for (features, packing, types, _), targets in batches:
        counts = [len(step) for step in packing.steps]
        tokens = np.zeros((2, counts[0], len(counts)), dtype=np.int32)
        end = 0
        for step, (count, inputs) in enumerate(zip(counts, packing.steps, strict=True)):
            begin, end = end, end + count
            tokens[:, :count, step] = types[[inputs, targets[begin:end]]]
        photos = np.where(tokens[1, :, 0] == PAD, -1, packing.photo_of)
        rows = [np.flatnonzero(photos == photo) for photo in range(len(features))]
        whole = np.zeros((2, len(features), max(map(len, rows)), len(counts)), dtype=np.int32)
        for photo, its_rows in enumerate(rows):
            whole[:, photo, : len(its_rows)] = tokens[:, its_rows]
        yield (features, np.where(whole[1] == PAD, PAD, whole[0])), whole[1]


def captions_of(targets: Any) -> list[list[int]]:
    """The captions of a batch's targets, without those that are all padding."""
    rows = targets.reshape(-1, targets.shape[-1]).tolist()
    return [[i for i in row if i not in (PAD, EOS)] for row in rows if any(row)]


def everything(batches: Batches) -> list[list[Any]]:
    return [
        [features, *packing.steps, *packing[1:], types, log_shares, targets]
        for (features, packing, types, log_shares), targets in batches
    ]


def test_targets_are_the_inputs_moved_by_one(stores: list[FeatureStore]) -> None:
    for (features, inputs), targets in laid_out(make_batches(make_examples(), stores)):
        assert features.shape == (4, CELLS, CHANNELS)
        assert features.dtype == np.float16
        assert inputs.shape[:2] == targets.shape[:2] == (4, 5)
        assert (inputs[:, :, 0] == BOS).all()
        np.testing.assert_array_equal(inputs[:, :, 1:], np.where(targets[:, :, 1:] == PAD, PAD, targets[:, :, :-1]))
        for row in targets.reshape(-1, targets.shape[-1]).tolist():
            end = row.index(EOS)
            assert PAD not in row[:end]
            assert set(row[end + 1 :]) <= {PAD}


def test_each_token_asks_its_own_photo(stores: list[FeatureStore]) -> None:
    for (features, packing, _, _), targets in make_batches(make_examples(), stores):
        for step in packing.steps:
            assert step.dtype == np.int32
        photos = np.concatenate([packing.photo_of[: len(step)] for step in packing.steps])
        assert packing.by_photo.shape[0] == len(features)
        real = np.flatnonzero(targets != PAD)
        assert (packing.places[real] // packing.by_photo.shape[1] == photos[real]).all()
        assert (packing.by_photo.ravel()[packing.places[real]] == real).all()
        assert len(set(packing.places[real].tolist())) == len(real)


def test_there_is_little_padding_and_sizes_are_few(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    examples: list[Example] = [
        (f"{p}.jpg", [[9] * (1 + round(20 * n)) for n in generator.beta(2, 3, 5)]) for p in range(640)
    ]
    store = make_store(tmp_path, [name for name, _ in examples])
    batches = make_batches(examples, [store], photos_per_batch=16)
    sizes, computed, learned = set(), 0, 0
    for epoch in range(6):
        batches.start(epoch)
        for (_, packing, types, _), targets in batches:
            counts = [len(step) for step in packing.steps]
            assert counts == sorted(counts, reverse=True)
            assert len(counts) == 1 + max(len(ids) for _, captions in examples for ids in captions)
            assert sum(counts) == len(targets) == len(packing.places)
            sizes.add((*counts, packing.by_photo.shape, len(types)))
            computed += len(targets)
        learned += batches.target_tokens()
    assert learned > 0.8 * computed
    assert len(sizes) == LENGTH_CLASSES


def test_a_batch_has_a_vocabulary_of_its_own(stores: list[FeatureStore]) -> None:
    batches = make_batches(make_examples(), stores)
    seen, sizes = [], set()
    for epoch in range(2):
        batches.start(epoch)
        for (_, _, types, log_shares), targets in batches:
            sizes.add(len(types))
            assert types.shape == log_shares.shape
            assert types.dtype == targets.dtype == np.int32
            assert log_shares.dtype == np.float32
            assert types[PAD] == PAD
            assert len(set(types.tolist())) == len(types)
            own = np.union1d(types[targets], [PAD, BOS])
            assert (types[: len(own)] == own).all()
            assert (log_shares[: len(own)] == 0).all()
            others = len(types) - len(own)
            assert 256 <= others < 300
            np.testing.assert_allclose(log_shares[len(own) :], np.log((2000 - len(own)) / others), rtol=1e-6)
            np.testing.assert_allclose(np.exp(log_shares).sum(), 2000, rtol=1e-5)  # all tokens are stood for
            seen.append(types)
    assert len(sizes) <= len(batches)  # the same in each epoch
    drawn = [set(types[-256:].tolist()) for types in seen]
    assert all(len(one & other) < 128 for one, other in itertools.combinations(drawn, 2))


def test_a_small_vocabulary_is_each_batchs_own(stores: list[FeatureStore]) -> None:
    for (_, _, types, log_shares), _ in make_batches(make_examples(), stores, vocab_size=300):
        assert sorted(types.tolist()) == list(range(300))
        assert not log_shares.any()


@pytest.mark.parametrize("size", [1, 4, 12, 99])
def test_every_caption_is_seen_once_an_epoch(size: int, stores: list[FeatureStore]) -> None:
    examples = make_examples()
    batches = make_batches(examples, stores, photos_per_batch=size)
    assert len(batches) == len(list(batches)) == -(-12 // size)
    expected = sorted(ids for _, captions in examples for ids in captions)
    for epoch in range(3):
        batches.start(epoch)
        seen = [ids for _, targets in laid_out(batches) for ids in captions_of(targets)]
        assert sorted(seen) == expected
        assert batches.target_tokens() == sum(len(ids) + 1 for ids in seen)


def test_what_is_left_over_waits_for_another_epoch(stores: list[FeatureStore]) -> None:
    batches = make_batches(make_examples(), stores, photos_per_batch=5)
    assert len(batches) == len(list(batches)) == 2
    seen: set[int] = set()
    for epoch in range(6):
        batches.start(epoch)
        now = [ids[0] for _, targets in laid_out(batches) for ids in captions_of(targets)]
        assert len(now) == len(set(now)) == 50
        seen |= set(now)
    assert len(seen) == 60


def test_features_are_those_of_the_captions_photo(stores: list[FeatureStore]) -> None:
    """In one view or the other; over the epochs in both."""
    examples = make_examples()
    photo_of = {ids[0]: name for name, captions in examples for ids in captions}
    views = set()
    batches = make_batches(examples, stores)
    for epoch in range(3):
        batches.start(epoch)
        for (features, _), targets in laid_out(batches):
            for photo, first in zip(features, targets[:, 0, 0], strict=True):
                name = photo_of[int(first)]
                assert {photo_of[i] for i in targets[targets[:, 0, 0] == first][0, :, 0].tolist()} == {name}
                view = [np.array_equal(photo, store.read([name])[0]) for store in stores].index(True)
                views.add((name, view))
    assert {view for _, view in views} == {0, 1}
    assert len(views) > 18  # 24 in the end


def test_batches_depend_on_seed_and_epoch_alone(stores: list[FeatureStore]) -> None:
    def same(one: list[list[Any]], other: list[list[Any]]) -> bool:
        return all(np.array_equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))

    examples = make_examples()
    batches = make_batches(examples, stores, captions_per_photo=3)
    first = everything(batches)
    batches.start(1)
    second = everything(batches)
    assert not same(first, second)
    resumed = make_batches(examples, stores, captions_per_photo=3)
    resumed.start(1)
    assert same(everything(resumed), second)
    assert same(everything(resumed), second)  # and again
    assert not same(everything(make_batches(examples, stores, captions_per_photo=3, seed=1)), first)


def test_more_captions_than_are_drawn(stores: list[FeatureStore]) -> None:
    examples = make_examples()
    batches = make_batches(examples, stores, captions_per_photo=2)
    seen: set[int] = set()
    for epoch in range(20):
        batches.start(epoch)
        for _, targets in laid_out(batches):
            assert targets.shape[1] == 2
            firsts = targets[:, :, 0]
            assert (firsts[:, 0] != firsts[:, 1]).all()
            seen |= set(firsts.ravel().tolist())
    assert len(seen) == 60


@pytest.mark.parametrize(
    ("weights", "room", "chances"),
    [
        ((2.0, 2.0, 1.0, 1.0, 1.0), 5, (1.0, 1.0, 0.5, 0.5, 0.5)),
        ((2.0, 2.0, 1.0, 1.0, 1.0), 2, (4 / 7, 4 / 7, 2 / 7, 2 / 7, 2 / 7)),
        ((1.0, 1.0, 1.0, 1.0, 10.0), 5, (0.1, 0.1, 0.1, 0.1, 1.0)),
        ((3.0, 3.0, 3.0, 3.0, 3.0), 3, (0.6,) * 5),
    ],
)
def test_captions_are_drawn_by_weight(
    weights: tuple[float, ...], room: int, chances: tuple[float, ...], stores: list[FeatureStore]
) -> None:
    examples = make_examples()
    place_of = {ids[0]: place for _, captions in examples for place, ids in enumerate(captions)}
    options = {"captions_per_photo": room, "weights": [weights] * 12}
    batches, resumed = make_batches(examples, stores, **options), make_batches(examples, stores, **options)
    counts, epochs = np.zeros(5), 150
    for epoch in range(epochs):
        batches.start(epoch)
        for _, targets in laid_out(batches):
            assert (targets[:, 0] != PAD).any(-1).all()  # a photo has a caption in every epoch
            firsts = [ids[0] for ids in captions_of(targets)]
            assert len(set(firsts)) == len(firsts)
            counts += np.bincount([place_of[first] for first in firsts], minlength=5)
    np.testing.assert_allclose(counts / (12 * epochs), chances, atol=0.05)
    resumed.start(epochs - 1)
    for (_, left), (_, right) in zip(batches, resumed, strict=True):
        np.testing.assert_array_equal(left, right)


def test_equal_weights_draw_as_none_do(stores: list[FeatureStore]) -> None:
    for room in (3, 5):
        plain = make_batches(make_examples(), stores, captions_per_photo=room)
        weighted = make_batches(make_examples(), stores, captions_per_photo=room, weights=[[2.0] * 5] * 12)
        for (_, left), (_, right) in zip(plain, weighted, strict=True):
            np.testing.assert_array_equal(left, right)


def test_one_caption_and_uneven_numbers_of_captions(stores: list[FeatureStore]) -> None:
    for (_, inputs), targets in laid_out(make_batches(make_examples(captions=1), stores)):
        assert inputs.shape[:2] == targets.shape[:2] == (4, 1)
    uneven = [(name, captions[: 1 + p % 5]) for p, (name, captions) in enumerate(make_examples())]
    seen = []
    for (_, inputs), targets in laid_out(make_batches(uneven, stores)):
        np.testing.assert_array_equal((inputs == PAD).all(-1), (targets == PAD).all(-1))
        seen += captions_of(targets)
    assert sorted(seen) == sorted(ids for _, captions in uneven for ids in captions)


def test_long_captions_are_cut(stores: list[FeatureStore]) -> None:
    for _, targets in laid_out(make_batches(make_examples(), stores, max_tokens=3)):
        assert targets.shape[2] == 4
        assert ((targets == EOS).sum(-1) == 1).all()


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
def test_the_slope_of_the_loss(smoothing: float) -> None:
    """Against the difference that a small change of one logit makes."""
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


def test_the_loss_of_nothing_but_padding() -> None:
    assert float(TokenLoss(0.1, 7)(np.zeros((1, 2, 3), dtype=np.int32), np.ones((1, 2, 3, 7), dtype=np.float32))) == 0.0


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_over_a_batchs_vocabulary_is_nearly_that_over_all(
    kind: str, smoothing: float, stores: list[FeatureStore]
) -> None:
    """In a run whose batches differ in all their sizes, which TensorFlow then leaves open."""
    decoder = make_decoder(kind, scale=1.0, vocab_size=2000)
    decoder.compile(optimizer=keras.optimizers.SGD(0.0), loss=TokenLoss(smoothing, 2000), jit_compile=False)
    few, words = make_examples(), iter(range(100, 2000))
    many = [(name, [[*itertools.islice(words, 12)] for _ in captions]) for name, captions in few]
    loss, sizes = TokenLoss(smoothing, 2000), set()
    for examples in (few, many, few):
        batches = make_batches(examples, stores, photos_per_batch=12)
        differences = []
        for epoch in range(16):
            batches.start(epoch)
            [((features, packing, types, log_shares), targets)] = batches
            logits = decoder((features, packing, types, log_shares))
            whole = decoder((features, packing, types, np.zeros_like(log_shares)))
            all_types = np.concatenate([types, np.setdiff1d(np.arange(2000), types)]).astype(np.int32)
            everything = decoder((features, packing, all_types, np.zeros(2000, dtype=np.float32)))
            estimated, partial, exact = (float(loss(targets, each)) for each in (logits, whole, everything))
            assert exact - partial > (0.1 if smoothing else 0.5)
            differences.append(estimated - exact)
        assert abs(np.mean(differences)) < 0.04
        assert np.std(differences) < 0.08
        sizes.add((len(types), len(targets)))
        decoder.train_on_batch((features, packing, types, log_shares), targets)
    assert len(sizes) == 2


# --- averaging and the learning rate ---


def test_the_average_warms_up() -> None:
    weight = keras.Variable(np.array([4.0, -2.0], dtype=np.float32))
    average = Average([weight], decay=0.3)
    expected = np.array([4.0, -2.0])
    for step in range(1, 8):
        weight.assign(np.array([step, step**2], dtype=np.float32))
        average.on_train_batch_end(step)
        decay = min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * np.array([step, step**2])
        np.testing.assert_allclose(np.asarray(average.average[0]), expected, rtol=1e-5)
    assert (1 + 2) / (10 + 2) < 0.3 < (1 + 7) / (10 + 7)  # both branches were taken
    for step in range(8, 37):  # after the first 16 in eights
        weight.assign(np.array([step, step**2], dtype=np.float32))
        average.on_train_batch_end(step)
        if step > 16 and step % 8:
            continue
        share = 0.7 if step <= 16 else 1 - 0.3**8
        expected = (1 - share) * expected + share * np.array([step, step**2])
    now = np.asarray(weight)
    average.swap()
    np.testing.assert_allclose(np.asarray(weight), expected, rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(average.average[0]), now)
    average.swap()
    np.testing.assert_array_equal(np.asarray(weight), now)


def rate_at(optimizer: Any, step: int) -> float:
    optimizer.iterations.assign(step)
    return float(optimizer.learning_rate)


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    optimizer = teacher_forcing_optimizer(TrainingSettings(epochs=4, warmup_epochs=1, learning_rate=0.5), steps=10)
    rates = [rate_at(optimizer, step) for step in range(41)]
    assert rates[0] == 0.0
    assert rates[5] == pytest.approx(0.25)
    assert rates[10] == max(rates) == pytest.approx(0.5)
    assert rates[25] == pytest.approx(0.25)
    assert rates[40] == pytest.approx(0.0, abs=1e-6)
    without = teacher_forcing_optimizer(TrainingSettings(epochs=1, warmup_epochs=0, learning_rate=0.5), steps=10)
    assert rate_at(without, 0) == pytest.approx(0.5)


# --- settings ---


def test_settings_from_assignments() -> None:
    assert parse_settings([]) == TrainingSettings()
    found = parse_settings(["epochs=3", "kind=merge", "learning_rate=1e-3", "epochs=4"])
    assert found == TrainingSettings(epochs=4, kind="merge", learning_rate=0.001)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "expected NAME=VALUE, where NAME is one of kind, "),
        ("epoch=3", "'epoch=3': expected NAME=VALUE"),
        ("=3", "expected NAME=VALUE"),
        ("epochs=", "epochs=: "),
        ("epochs=many", "epochs=many: "),
        ("epochs=-1", "epochs=-1: .*greater than or equal to 0"),
        ("epochs=2.5", "epochs=2.5: "),
        ("output_dropout=1", "output_dropout=1: .*less than 1"),
        ("learning_rate=nan", "learning_rate=nan: "),
        ("kind=other", "kind=other: .*'merge'"),
        ("seed=-1", "seed=-1: "),
        ("seed=4294967296", "seed=4294967296: .*less than 4294967296"),
    ],
)
def test_settings_that_are_refused(assignment: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        parse_settings([assignment])
    assert "\n" not in str(caught.value)


# --- whole runs ---


def read_log(run: Path) -> list[dict[str, float]]:
    with (run / "log.csv").open(encoding="utf-8", newline="") as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def read_arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays:
        return dict(arrays)


SETTINGS = training_settings(output_dropout=0.2, ema_decay=0.9, self_critical_epochs=2)


@pytest.fixture(scope="module")
def run(tiny_inputs: TrainingInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three epochs of two batches that nothing disturbed; read-only."""
    folder = tmp_path_factory.mktemp("run") / "run"
    assert train_decoder(tiny_inputs, folder, SETTINGS, progress=False) == folder / "pack"
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_learns_and_is_judged_by_its_captions(
    kind: str, tiny_inputs: TrainingInputs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="polycap")
    train_decoder(tiny_inputs, tmp_path, RECIPE.model_copy(update={"kind": kind}), progress=False)
    log = read_log(tmp_path)
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    assert f"epoch 20: loss {log[-1]['loss']:.4g}" in caplog.text
    best = max(row["dev_bleu4"] for row in log)
    if kind == "merge":  # the others take longer
        assert best > 5
    pack = load_pack(tmp_path / "pack")
    assert pack.decoder.settings.kind == kind
    averages = read_arrays(tmp_path / "best.npz")  # a pack's are rounded
    for name, variable in named_weights(pack.decoder).items():
        variable.assign(averages[name])
    photos = tiny_inputs.dataset.split("dev")
    features = tiny_inputs.stores[0].read(photo.name for photo in photos)
    found = Search(pack.decoder, tiny_inputs.language.decoding).find(features)
    captions = [pack.tokenizer.decode(ids[0]) for ids in found.token_ids]
    references = [[tiny_inputs.language.normalize(c.text) for c in photo.captions] for photo in photos]
    assert bleu(captions, references, tokenizer="13a") == pytest.approx(best)


def test_the_run_folder(run: Path, tiny_inputs: TrainingInputs) -> None:
    phase = {"checkpoint.npz", "best.npz", "log.csv", "tensorboard"}
    parts = {"config.json", "tokenizer.model", "pack", "between.npz", "self-critical"}
    assert {path.name for path in run.iterdir()} == parts | phase
    assert {path.name for path in (run / "self-critical").iterdir()} == phase
    assert list((run / "tensorboard").rglob("events.*"))
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert config["settings"] == SETTINGS.model_dump()
    assert config["dataset"] == tiny_inputs.dataset.fingerprint()
    assert (config["language"], config["encoder"], config["pca"]) == ("qaa", "tiny", None)
    assert config["views"] == ["plain", "mirrored"]
    assert config["tokenizer"] == Tokenizer.load(run / "tokenizer.model").identity
    assert {"polycap", "keras", "numpy", "tensorflow"} <= config["versions"].keys()


def test_the_log(run: Path) -> None:
    log = read_log(run)
    assert list(log[0]) == ["epoch", "loss", "seconds", "tokens_per_second", "dev_bleu4", "dev_seconds"]
    assert [row["epoch"] for row in log] == [1, 2, 3]
    for row in log:
        assert row["loss"] > 0
        assert 0 <= row["dev_bleu4"] <= 100
        assert row["tokens_per_second"] > 0


def test_the_pack_lies_between_what_was_forced_and_what_was_free(run: Path, tiny_inputs: TrainingInputs) -> None:
    pack = load_pack(run / "pack")
    folders = (run, run / "self-critical")
    forced, free = (read_arrays(folder / "best.npz") for folder in folders)
    logs = [read_log(folder) for folder in folders]
    best = [max(log, key=lambda row: row["dev_bleu4"]) for log in logs]
    card = pack.card
    between = read_arrays(run / "between.npz")
    for name, weights in between.items():
        there = forced[name] + SETTINGS.self_critical_share * (free[name] - forced[name])
        np.testing.assert_allclose(weights, there, rtol=1e-5, atol=1e-7)
    better = "dev BLEU-4" in card.training  # else the self-critical epochs were in vain
    for name, variable in named_weights(pack.decoder).items():
        chosen = (between if better else forced)[name].astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(np.asarray(variable), chosen)
    assert card.training.get("dev BLEU-4", 100) >= card.training["best epoch's dev BLEU-4"]
    assert card.training["best epoch"] == best[0]["epoch"]
    assert card.training["best epoch's dev BLEU-4"] == round(best[0]["dev_bleu4"], 2)
    if better:
        assert card.training["best self-critical epoch"] == best[1]["epoch"]
    rows = [row for log in logs for row in log]
    assert card.training["seed"] == SETTINGS.seed
    assert card.training["seconds per epoch"] == round(sum(row["seconds"] for row in rows) / len(rows), 1)
    assert card.training["minutes of scoring epochs"] == round(sum(row["dev_seconds"] for row in rows) / 60, 1)
    assert card.training["cores"] >= 1
    assert card.training["processor"] not in ("", "unknown")
    assert card.training["backend"].startswith("tensorflow, ")
    assert (card.language, card.encoder, card.scores) == ("qaa", "tiny", [])
    assert (card.data["train photos"], card.data["train captions"]) == (8, 40)
    assert card.data["fingerprint"] == tiny_inputs.dataset.fingerprint()
    for folder, log, chosen in zip(folders, logs, best, strict=True):
        final, average = read_arrays(folder / "checkpoint.npz"), read_arrays(folder / "best.npz")
        if chosen is log[-1]:
            for place, name in enumerate(average):
                np.testing.assert_array_equal(final[f"average/{place}"], average[name])


KILLED = """
import os, signal, sys
from pathlib import Path
import tiny
from polycap.dataset import load_dataset
from polycap.features.store import FeatureStore
from polycap.language_folder import load_language
from polycap.training.callbacks import Average
from polycap.training.inputs import TrainingInputs
from polycap.training.run import train_decoder
from polycap.training.settings import TrainingSettings

data, language, plain, mirrored, run = map(Path, sys.argv[1:6])
phase, step = sys.argv[7], int(sys.argv[8])
go_on = Average.on_train_batch_end

def die_in_an_epoch(self, batch, logs=None):
    go_on(self, batch, logs)
    if self.step == step and (run / "self-critical").exists() == (phase == "self-critical"):
        os.kill(os.getpid(), signal.SIGKILL)

Average.on_train_batch_end = die_in_an_epoch
stores = [FeatureStore(plain), FeatureStore(mirrored)]
inputs = TrainingInputs(load_language(language), load_dataset(data), stores, None)
train_decoder(inputs, run, TrainingSettings.model_validate_json(sys.argv[6]), progress=False)
"""


@pytest.mark.parametrize(("phase", "step"), [("", 3), ("self-critical", 1), ("self-critical", 3)])
def test_a_killed_run_ends_where_an_undisturbed_one_does(
    phase: str, step: int, run: Path, tiny_inputs: TrainingInputs, tmp_path: Path
) -> None:
    """Weights, averages, the optimizer's state, dropout's random state: all to the bit."""
    root = Path(__file__).parent.parent
    inputs = tiny_inputs
    arguments = [inputs.dataset.folder, inputs.language.folder, *(store.folder for store in inputs.stores), tmp_path]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments), SETTINGS.model_dump_json(), phase, str(step)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(root / "tests")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(read_log(tmp_path)) == (3 if phase else 1)
    assert (tmp_path / "self-critical" / "log.csv").exists() == (bool(phase) and step == 3)
    assert not (tmp_path / "pack").exists()
    train_decoder(inputs, tmp_path, SETTINGS, progress=False)
    files = [f"{folder}/{name}" for folder in (".", "self-critical") for name in ("checkpoint.npz", "best.npz")]
    for name in [*files, "between.npz"]:
        expected, found = read_arrays(run / name), read_arrays(tmp_path / name)
        assert expected.keys() == found.keys()
        for key in expected.keys() - {"history"}:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=f"{name}:{key}")
    rows = zip(read_log(tmp_path), read_log(run), strict=True)
    for one, other in rows:
        assert {one[key] == other[key] for key in ("epoch", "loss", "dev_bleu4")} == {True}
    assert but_for_the_clock(tmp_path) == but_for_the_clock(run)


def but_for_the_clock(run: Path) -> Card:
    """The pack's card without what no two runs share."""
    card = load_pack(run / "pack").card
    training = {key: value for key, value in card.training.items() if not key.startswith(("minutes ", "seconds "))}
    assert len(card.training) == len(training) + 3
    return card.model_copy(update={"training": training})


def test_each_epoch_draws_its_own_batches(stores: list[FeatureStore]) -> None:
    examples, seen = make_examples(), []

    def train_on_batch(_: Any, targets: Any) -> float:
        seen.append(targets)
        return 1.0

    callbacks: Any = MagicMock()
    decoder: Any = SimpleNamespace(train_on_batch=train_on_batch)
    _run_epochs(decoder, make_batches(examples, stores), range(2, 4), callbacks)
    batches, expected = make_batches(examples, stores), []
    for epoch in (2, 3):
        batches.start(epoch)
        expected += [targets for _, targets in batches]
    for one, other in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [call.args[0] for call in callbacks.on_epoch_end.call_args_list] == [2, 3]


def test_a_finished_run_only_writes_its_pack_again(run: Path, tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    shutil.rmtree(again / "pack")
    log = (again / "log.csv").read_bytes()
    (again / "log.csv").unlink()  # killed after the last checkpoint, before its row
    train_decoder(tiny_inputs, again, SETTINGS, progress=False)
    assert (again / "log.csv").read_bytes() == log
    assert load_pack(again / "pack").card == load_pack(run / "pack").card


def test_other_inputs_do_not_go_on_with_a_run(run: Path, tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    def refused(inputs: TrainingInputs, settings: TrainingSettings, key: str) -> str:
        with pytest.raises(TrainingError, match=rf"config\.json:{key}: this run was started with") as caught:
            train_decoder(inputs, run, settings, progress=False)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    message = refused(tiny_inputs, SETTINGS.model_copy(update={"epochs": 4}), "settings")
    assert f"started with {{'epochs': {SETTINGS.epochs}}}, not {{'epochs': 4}};" in message
    refused(tiny_inputs, SETTINGS.model_copy(update={"seed": 6}), "settings")
    photos = tuple(replace(photo, captions=photo.captions[:4]) for photo in tiny_inputs.dataset.photos)
    refused(replace(tiny_inputs, dataset=replace(tiny_inputs.dataset, photos=photos)), SETTINGS, "dataset")
    refused(replace(tiny_inputs, stores=tiny_inputs.stores[:1]), SETTINGS, "views")
    names = [photo.name for photo in tiny_inputs.dataset.photos]
    other = make_store(tmp_path, names, encoder="another")
    refused(replace(tiny_inputs, stores=[other]), SETTINGS, "encoder")
    language = tiny_inputs.language
    pieces = language.tokenizer.model_copy(update={"vocab_size": 20})
    refused(
        replace(tiny_inputs, language=language.model_copy(update={"tokenizer": pieces})), SETTINGS, "tokenizer settings"
    )
    words = language.evaluation.model_copy(update={"sacrebleu_tokenizer": "char"})
    refused(replace(tiny_inputs, language=language.model_copy(update={"evaluation": words})), SETTINGS, "words")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 half a zip", b"no zip at all"])
def test_a_broken_checkpoint(broken: bytes, run: Path, tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    (again / "checkpoint.npz").write_bytes(broken)
    with pytest.raises(TrainingError, match=r"checkpoint\.npz: can't be resumed from"):
        train_decoder(tiny_inputs, again, SETTINGS, progress=False)


def test_a_tokenizer_of_an_unknown_run_is_not_used(
    tiny_inputs: TrainingInputs, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be of other captions: a run that was killed before its config was written."""
    path, settings = tmp_path / "tokenizer.model", tiny_inputs.language.tokenizer
    Tokenizer.train(["quite another text"], settings.model_copy(update={"vocab_size": 30})).save(path)

    def enough(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polycap.training.run.Learner", enough)
    with pytest.raises(KeyboardInterrupt):
        train_decoder(tiny_inputs, tmp_path, SETTINGS, progress=False)
    assert Tokenizer.load(path).identity == Tokenizer.load(run / "tokenizer.model").identity


def test_what_can_not_be_scored_is_told_before_an_epoch(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    words = tiny_inputs.language.evaluation.model_copy(update={"sacrebleu_tokenizer": "13b"})
    unknown = replace(tiny_inputs, language=tiny_inputs.language.model_copy(update={"evaluation": words}))
    with pytest.raises(EvaluationError, match="13b"):
        train_decoder(unknown, tmp_path / "words", SETTINGS, progress=False)
    captions = {
        photo.name: tuple(replace(c, text="!!!" if photo.split == "dev" else c.text) for c in photo.captions)
        for photo in tiny_inputs.dataset.photos
    }
    mute = replace(tiny_inputs, dataset=tiny_inputs.dataset.with_captions(captions))
    with pytest.raises(TrainingError, match="of no caption of the dev split anything is left once normalised"):
        train_decoder(mute, tmp_path / "dev", SETTINGS, progress=False)
    assert not list(tmp_path.rglob("checkpoint.npz"))


@pytest.mark.parametrize("split", ["train", "dev"])
def test_an_empty_split(split: str, tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    photos = tuple(photo for photo in tiny_inputs.dataset.photos if photo.split != split)
    inputs = replace(tiny_inputs, dataset=replace(tiny_inputs.dataset, photos=photos))
    with pytest.raises(TrainingError, match=f"no photo with captions in the {split} split"):
        train_decoder(inputs, tmp_path / "run", SETTINGS, progress=False)
    assert not (tmp_path / "run").exists()


def test_stores_that_do_not_belong_together(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    names = [photo.name for photo in tiny_inputs.dataset.photos]
    others = [make_store(tmp_path / "a", names, encoder="another"), make_store(tmp_path / "b", names, pca="one")]
    for other in others:
        inputs = replace(tiny_inputs, stores=[tiny_inputs.stores[0], other])
        with pytest.raises(FeatureStoreError, match="is needed; extract them again"):
            train_decoder(inputs, tmp_path / "run", SETTINGS, progress=False)


def test_a_photo_without_features(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    few = make_store(tmp_path / "few", [photo.name for photo in tiny_inputs.dataset.photos[:-1]])
    with pytest.raises(FeatureStoreError, match=r"1 photos have no features, first p11\.jpg"):
        train_decoder(replace(tiny_inputs, stores=[few]), tmp_path / "run", SETTINGS, progress=False)


def test_photos_that_can_not_be_read_and_captions_of_nothing(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    """A corrupt photo of train and one of dev, a caption without a word, a dev photo with no other: all left out."""
    dataset = tiny_inputs.dataset
    (bad, wordless, *_), (bad_dev, wordless_dev) = dataset.split("train"), dataset.split("dev")
    extra = replace(wordless_dev, name="p99.jpg")
    photos = []
    for photo in (*dataset.photos, extra):
        if photo.name == wordless.name:
            photo = replace(photo, captions=(Caption(0, "!!!"), *photo.captions[1:]))
        if photo.name == extra.name:
            photo = replace(photo, captions=(Caption(0, "…"),))
        photos.append(photo)
    names = [photo.name for photo in photos]
    writer = StoreWriter(tmp_path / "store", names, (CELLS, CHANNELS), encoder="tiny")
    faults = {names.index(photo.name): "is no photo" for photo in (bad, bad_dev)}
    writer.write({row: np.full((CELLS, CHANNELS), row) for row in range(len(names)) if row not in faults}, faults)
    inputs = replace(
        tiny_inputs, dataset=replace(dataset, photos=tuple(photos)), stores=[FeatureStore(tmp_path / "store")]
    )
    pack = train_decoder(inputs, tmp_path / "run", training_settings(epochs=1), progress=False)
    assert load_pack(pack).card.data["train photos"] == 7


def test_a_mixture_is_in_the_card_and_judged_by_people(
    tiny_inputs: TrainingInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three captions of each photo are translations, which no epoch is judged by."""
    drawn: dict[str, Any] = {}

    class Recorded(Batches):
        def __init__(self, *args: Any, **options: Any) -> None:
            drawn.update(options)
            super().__init__(*args, **options)

    def mix(caption: Caption) -> Caption:
        return replace(caption, origin="mt:engine") if caption.index < 3 else replace(caption, weight=2.0)

    monkeypatch.setattr("polycap.training.learn.Batches", Recorded)
    captions = {photo.name: tuple(map(mix, photo.captions)) for photo in tiny_inputs.dataset.photos}
    inputs = replace(tiny_inputs, dataset=tiny_inputs.dataset.with_captions(captions))
    assert [[c.index for c in photo.captions] for photo in inputs.judges()] == [[3, 4], [3, 4]]
    pack = train_decoder(inputs, tmp_path, training_settings(epochs=1), progress=False)
    card = read_card(pack)
    assert card.data["caption origin"] == "human+mt:engine"
    assert card.data["train captions by origin"] == "16 human (weight 2), 24 mt:engine"
    assert card.training["chosen by"] == "dev BLEU-4 of free-running captions, references: human"
    assert drawn["weights"] == [[1.0, 1.0, 1.0, 2.0, 2.0]] * 8


def test_an_interrupt_that_tensorflow_swallows_is_kept(
    tiny_inputs: TrainingInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C inside a call whose exceptions are forgotten ends the run after the batch."""
    batches = []

    def swallowing(loss: float) -> bool:
        batches.append(loss)
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return math.isfinite(loss)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever pytest made of it
    try:
        monkeypatch.setattr("polycap.training.phase.isfinite", swallowing)
        with pytest.raises(KeyboardInterrupt):
            train_decoder(tiny_inputs, tmp_path, training_settings(), progress=False)
        assert len(batches) == 1
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_loss_that_is_no_number(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    settings = training_settings(learning_rate=1e30, warmup_epochs=0)
    with pytest.raises(TrainingError, match=r"epoch \d: the loss is nan; lower the learning_rate"):
        train_decoder(tiny_inputs, tmp_path, settings, progress=False)
    assert not (tmp_path / "pack").exists()


def test_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert len(_tensorboard(tmp_path)) == 1
    monkeypatch.setattr("polycap.training.phase.find_spec", lambda _: None)
    assert _tensorboard(tmp_path) == []
    assert 'tensorboard is not installed: log.csv only (pip install "polycap[train]" for both)' in caplog.text


def test_weight_decay_spares_biases_and_embeddings() -> None:
    settings = TrainingSettings(epochs=1, warmup_epochs=0, learning_rate=0.1, weight_decay=0.5)
    optimizer = teacher_forcing_optimizer(settings, steps=10)
    names = {"kernel": True, "bias": False, "output_bias": False, "embeddings": False, "place": False}
    variables = [keras.Variable(np.ones(2), name=name) for name in names]
    optimizer.build(variables)
    optimizer.apply([keras.ops.zeros(2)] * len(variables))
    assert dict(zip(names, (float(v[0]) < 1 for v in variables), strict=True)) == names
