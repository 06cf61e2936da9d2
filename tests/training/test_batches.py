"""Tests of polycap/training/batches.py."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.features.store import FeatureStore
from polycap.text.tokenizer import BOS, EOS, PAD
from polycap.training.batches import LENGTH_CLASSES, Batches, TrainingExample
from tiny import CELLS, CHANNELS, make_store
from training_batches import make_batches, make_examples

pytest_plugins = ["tiny_fixtures"]


def laid_out(batches: Batches) -> Iterator[tuple[tuple[Any, Any], Any]]:
    """Return each batch as token ids: inputs and targets, `(photos, captions, length)`."""
    for (features, packing, vocabulary, _), targets in batches:
        counts = [len(step) for step in packing.steps]
        tokens = np.zeros((2, counts[0], len(counts)), dtype=np.int32)
        end = 0
        for step, (count, inputs) in enumerate(zip(counts, packing.steps, strict=True)):
            begin, end = end, end + count
            tokens[:, :count, step] = vocabulary[[inputs, targets[begin:end]]]
        photos = np.where(tokens[1, :, 0] == PAD, -1, packing.photo_of)
        rows = [np.flatnonzero(photos == photo) for photo in range(len(features))]
        whole = np.zeros((2, len(features), max(map(len, rows)), len(counts)), dtype=np.int32)
        for photo, its_rows in enumerate(rows):
            whole[:, photo, : len(its_rows)] = tokens[:, its_rows]
        yield (features, np.where(whole[1] == PAD, PAD, whole[0])), whole[1]


def captions_of(targets: Any) -> list[list[int]]:
    """Return the captions of a batch's targets, without those that are all padding."""
    rows = targets.reshape(-1, targets.shape[-1]).tolist()
    return [[i for i in row if i not in (PAD, EOS)] for row in rows if any(row)]


def everything(batches: Batches) -> list[list[Any]]:
    return [
        [features, *packing.steps, *packing[1:], vocabulary, correction, targets]
        for (features, packing, vocabulary, correction), targets in batches
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


def test_each_token_has_its_own_photo(stores: list[FeatureStore]) -> None:
    for (features, packing, _, _), targets in make_batches(make_examples(), stores):
        for step in packing.steps:
            assert step.dtype == np.int32
        photos = np.concatenate([packing.photo_of[: len(step)] for step in packing.steps])
        assert packing.by_photo.shape[0] == len(features)
        real = np.flatnonzero(targets != PAD)
        assert (packing.places[real] // packing.by_photo.shape[1] == photos[real]).all()
        assert (packing.by_photo.ravel()[packing.places[real]] == real).all()
        assert len(set(packing.places[real].tolist())) == len(real)


def test_there_is_little_padding_and_few_shapes(tmp_path: Path) -> None:
    """No size of an epoch's first batch is that of another batch, so that TensorFlow traces two graphs."""
    generator = np.random.default_rng(0)
    examples: list[TrainingExample] = [
        (f"{p}.jpg", [[9] * (1 + round(20 * n)) for n in generator.beta(2, 3, 5)]) for p in range(640)
    ]
    store = make_store(tmp_path, [name for name, _ in examples])
    batches = make_batches(examples, [store], photos_per_batch=16)
    first: tuple[int, ...] = ()
    sizes, computed, learned = set(), 0, 0
    for epoch in range(6):
        batches.start(epoch)
        for index, ((_, packing, vocabulary, _), targets) in enumerate(batches):
            counts = [len(step) for step in packing.steps]
            assert counts == sorted(counts, reverse=True)
            assert len(counts) == 1 + max(len(ids) for _, captions in examples for ids in captions)
            assert sum(counts) == len(targets) == len(packing.places)
            size = (*counts, packing.by_photo.shape[1], len(vocabulary))
            if index:
                sizes.add(size)
            first = size if not index else first
            assert not index or all(one != other for one, other in zip(size, first, strict=True))
            computed += len(targets)
        learned += batches.target_tokens()
    assert learned > 0.8 * computed
    assert len(sizes) == LENGTH_CLASSES


def test_a_batch_has_a_vocabulary_of_its_own(stores: list[FeatureStore]) -> None:
    batches = make_batches(make_examples(), stores)
    seen, sizes = [], set()
    for epoch in range(2):
        batches.start(epoch)
        for index, ((_, _, vocabulary, correction), targets) in enumerate(batches):
            sizes.add(len(vocabulary) - (not index))  # the first batch has odd sizes
            assert vocabulary.shape == correction.shape
            assert vocabulary.dtype == targets.dtype == np.int32
            assert correction.dtype == np.float32
            assert vocabulary[PAD] == PAD
            assert len(set(vocabulary.tolist())) == len(vocabulary)
            own = np.union1d(vocabulary[targets], [PAD, BOS])
            assert (vocabulary[: len(own)] == own).all()
            assert (correction[: len(own)] == 0).all()
            others = len(vocabulary) - len(own)
            assert 256 <= others < 300
            np.testing.assert_allclose(correction[len(own) :], np.log((2000 - len(own)) / others), rtol=1e-6)
            np.testing.assert_allclose(np.exp(correction).sum(), 2000, rtol=1e-5)  # all tokens are represented
            seen.append(vocabulary)
    assert len(sizes) <= len(batches)  # the same in each epoch
    drawn = [set(vocabulary[-256:].tolist()) for vocabulary in seen]
    assert all(len(one & other) < 128 for one, other in itertools.combinations(drawn, 2))


def test_a_small_vocabulary_is_whole_in_each_batch(stores: list[FeatureStore]) -> None:
    for (_, _, vocabulary, correction), _ in make_batches(make_examples(), stores, vocab_size=300):
        assert sorted(vocabulary.tolist()) == list(range(300))
        assert not correction.any()


@pytest.mark.parametrize("size", [1, 4, 12, 99])
def test_every_caption_is_in_an_epoch_once(size: int, stores: list[FeatureStore]) -> None:
    examples = make_examples()
    batches = make_batches(examples, stores, photos_per_batch=size)
    assert len(batches) == len(list(batches)) == -(-12 // size)
    expected = sorted(ids for _, captions in examples for ids in captions)
    for epoch in range(3):
        batches.start(epoch)
        seen = [ids for _, targets in laid_out(batches) for ids in captions_of(targets)]
        assert sorted(seen) == expected
        assert batches.target_tokens() == sum(len(ids) + 1 for ids in seen)


def test_remaining_photos_are_in_other_epochs(stores: list[FeatureStore]) -> None:
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
    """Each epoch has one of the views; over the epochs, both occur."""
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


def test_more_captions_than_are_sampled(stores: list[FeatureStore]) -> None:
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
def test_captions_are_sampled_by_weight(
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


def test_equal_weights_are_as_no_weights(stores: list[FeatureStore]) -> None:
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
