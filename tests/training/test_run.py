"""Tests of polycap/training/run.py: whole tiny runs, one of them killed and resumed."""

import contextlib
import csv
import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from encoders import FEATURES, UNITS, make_encoder, make_pca, make_photo_layers
from polycap.dataset import ReferenceCaption
from polycap.decoder.search import Search
from polycap.decoder.weights import named_weights
from polycap.encoder.int8 import from_int8, output_axes, to_int8
from polycap.errors import EvaluationError, FeatureStoreError, TrainingError
from polycap.features.store import FeatureStore, StoreWriter
from polycap.metrics import corpus_bleu
from polycap.pack.card import Card, read_card
from polycap.pack.pack import load_pack
from polycap.text.tokenizer import Tokenizer
from polycap.training.batches import Batches
from polycap.training.inputs import TrainingInputs
from polycap.training.learner import Learner
from polycap.training.phase import _run_epochs
from polycap.training.run import train_decoder
from polycap.training.settings import TrainingSettings
from tiny import CELLS, CHANNELS, KINDS, RECIPE, make_store, training_settings
from training_batches import make_batches, make_examples

pytest_plugins = ["tiny_fixtures"]


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
    """Return the folder of an uninterrupted run of three epochs of two batches; read-only."""
    folder = tmp_path_factory.mktemp("run") / "run"
    assert train_decoder(tiny_inputs, folder, SETTINGS, progress=False) == folder / "pack"
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_learns_and_is_evaluated_by_its_captions(
    kind: str, tiny_inputs: TrainingInputs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="polycap")
    units = {"attention": UNITS}.get(kind, RECIPE.units)  # as many as the photo layers have
    train_decoder(tiny_inputs, tmp_path, RECIPE.model_copy(update={"kind": kind, "units": units}), progress=False)
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
    assert corpus_bleu(captions, references, tokenizer="13a") == pytest.approx(best)


def test_the_run_folder(run: Path, tiny_inputs: TrainingInputs) -> None:
    phase = {"checkpoint.npz", "best.npz", "log.csv", "tensorboard"}
    parts = {"config.json", "tokenizer.model", "pack", "interpolated.npz", "self-critical"}
    assert {path.name for path in run.iterdir()} == parts | phase
    assert {path.name for path in (run / "self-critical").iterdir()} == phase
    assert list((run / "tensorboard").rglob("events.*"))
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert config["settings"] == SETTINGS.model_dump()
    assert config["dataset"] == tiny_inputs.dataset.fingerprint()
    assert (config["language"], config["encoder"], config["pca"]) == ("qaa", FEATURES, make_pca().identity)
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


@pytest.mark.parametrize(
    ("forced", "halfway", "all_the_way", "kept"),
    [(20.0, 19.0, 18.0, None), (20.0, 22.0, 21.0, 0.5), (20.0, 21.0, 22.0, 1.0), (20.0, 21.0, 21.0, 0.5)],
)
def test_the_share_of_the_self_critical_weights_with_the_best_score_is_kept(
    forced: float, halfway: float, all_the_way: float, kept: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = Learner.__new__(Learner)
    learner._settings, learner._folder = TrainingSettings(), Path("run")
    monkeypatch.setattr(learner, "_self_critical", lambda: {"epoch": 2.0, "dev_bleu4": all_the_way})
    monkeypatch.setattr(learner, "_interpolate", lambda: halfway)
    found = learner.finish({"epoch": 7.0, "dev_bleu4": forced})
    paths = {None: "best.npz", 0.5: "interpolated.npz", 1.0: "self-critical/best.npz"}
    assert found.weights == Path("run") / paths[kept]
    assert found.facts.get("self-critical share") == kept
    assert found.facts.get("dev BLEU-4", forced) == max(forced, halfway, all_the_way)


def test_the_pack_has_the_best_of_three_weights(run: Path, tiny_inputs: TrainingInputs) -> None:
    pack = load_pack(run / "pack")
    folders = (run, run / "self-critical")
    forced, free = (read_arrays(folder / "best.npz") for folder in folders)
    logs = [read_log(folder) for folder in folders]
    best = [max(log, key=lambda row: row["dev_bleu4"]) for log in logs]
    card = pack.card
    interpolated = read_arrays(run / "interpolated.npz")
    for name, weights in interpolated.items():
        there = forced[name] + SETTINGS.self_critical_share * (free[name] - forced[name])
        np.testing.assert_allclose(weights, there, rtol=1e-5, atol=1e-7)
    better = "dev BLEU-4" in card.training  # else the self-critical epochs were in vain
    by_share = {None: forced, SETTINGS.self_critical_share: interpolated, 1.0: free}
    chosen_weights = by_share[card.training.get("self-critical share")]
    rounded = from_int8(to_int8(chosen_weights, output_axes(chosen_weights)))
    for name, variable in named_weights(pack.decoder).items():
        np.testing.assert_array_equal(np.asarray(variable), rounded[name])
    for name, layer in tiny_inputs.encoder.photo_layers.items():
        np.testing.assert_array_equal(chosen_weights[name], layer)  # they are not trained
    assert card.training.get("dev BLEU-4", 100) >= max(round(epoch["dev_bleu4"], 2) for epoch in best)
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
    assert (card.language, card.encoder, card.scores) == ("qaa", tiny_inputs.encoder.identity, [])
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
from polycap.encoder.artefact import open_encoder
from polycap.features.store import FeatureStore
from polycap.language import load_language
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
inputs = TrainingInputs(load_language(language), load_dataset(data), stores, open_encoder())
train_decoder(inputs, run, TrainingSettings.model_validate_json(sys.argv[6]), progress=False)
"""


def test_a_killed_run_ends_like_an_uninterrupted_one(run: Path, tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    """Weights, averages, state of the optimizer and of dropout are equal to the bit.

    Killed and resumed three times: in the second epoch, in the first of the next phase, and in that phase's second.
    """
    root = Path(__file__).parent.parent.parent
    inputs = tiny_inputs
    arguments = [inputs.dataset.folder, inputs.language.folder, *(store.folder for store in inputs.stores), tmp_path]
    for phase, step in (("", 3), ("self-critical", 1), ("self-critical", 3)):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, *map(str, arguments), SETTINGS.model_dump_json(), phase, str(step)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(root / "tests" / "support")))},
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
    for name in [*files, "interpolated.npz"]:
        expected, found = read_arrays(run / name), read_arrays(tmp_path / name)
        assert expected.keys() == found.keys()
        for key in expected.keys() - {"history"}:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=f"{name}:{key}")
    rows = zip(read_log(tmp_path), read_log(run), strict=True)
    for one, other in rows:
        assert {one[key] == other[key] for key in ("epoch", "loss", "dev_bleu4")} == {True}
    assert but_for_the_clock(tmp_path) == but_for_the_clock(run)


def but_for_the_clock(run: Path) -> Card:
    """Return the pack's card without the values that differ between runs."""
    card = load_pack(run / "pack").card
    training = {key: value for key, value in card.training.items() if not key.startswith(("minutes ", "seconds "))}
    assert len(card.training) == len(training) + 3
    return card.model_copy(update={"training": training})


def test_each_epoch_samples_its_own_batches(stores: list[FeatureStore]) -> None:
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


def test_a_run_is_not_resumed_with_other_inputs(run: Path, tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
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
    other = make_encoder(tmp_path, photo_layers=make_photo_layers(seed=1))
    refused(replace(tiny_inputs, encoder=other), SETTINGS, "photo layers")
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
    """A run that was killed before its config was written may have had other captions."""
    path, settings = tmp_path / "tokenizer.model", tiny_inputs.language.tokenizer
    Tokenizer.train(["quite another text"], settings.model_copy(update={"vocab_size": 30})).save(path)

    def enough(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polycap.training.run.Learner", enough)
    with pytest.raises(KeyboardInterrupt):
        train_decoder(tiny_inputs, tmp_path, SETTINGS, progress=False)
    assert Tokenizer.load(path).identity == Tokenizer.load(run / "tokenizer.model").identity


def test_an_unscorable_run_is_an_error_before_an_epoch(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    words = tiny_inputs.language.evaluation.model_copy(update={"sacrebleu_tokenizer": "13b"})
    unknown = replace(tiny_inputs, language=tiny_inputs.language.model_copy(update={"evaluation": words}))
    with pytest.raises(EvaluationError, match="13b"):
        train_decoder(unknown, tmp_path / "words", SETTINGS, progress=False)
    captions = {
        photo.name: tuple(replace(c, text="!!!" if photo.split == "dev" else c.text) for c in photo.captions)
        for photo in tiny_inputs.dataset.photos
    }
    mute = replace(tiny_inputs, dataset=tiny_inputs.dataset.with_captions(captions))
    with pytest.raises(TrainingError, match="no caption of the dev split has text once normalised"):
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
        with pytest.raises(FeatureStoreError, match="is needed; make them anew with `polycap features`"):
            train_decoder(inputs, tmp_path / "run", SETTINGS, progress=False)


def test_photo_layers_that_do_not_fit(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"^units=8: the photo layers of encoder .* have 16 units, for 4 cells"):
        train_decoder(tiny_inputs, tmp_path, training_settings(units=8), progress=False)


def test_a_photo_without_features(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    few = make_store(tmp_path / "few", [photo.name for photo in tiny_inputs.dataset.photos[:-1]])
    with pytest.raises(FeatureStoreError, match=r"1 photos have no features, first p11\.jpg"):
        train_decoder(replace(tiny_inputs, stores=[few]), tmp_path / "run", SETTINGS, progress=False)


def test_unreadable_photos_and_empty_captions(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    """An unreadable photo of train and of dev, an empty caption, and a dev photo with only such: all are left out."""
    dataset = tiny_inputs.dataset
    (bad, wordless, *_), (bad_dev, wordless_dev) = dataset.split("train"), dataset.split("dev")
    extra = replace(wordless_dev, name="p99.jpg")
    photos = []
    for photo in (*dataset.photos, extra):
        if photo.name == wordless.name:
            photo = replace(photo, captions=(ReferenceCaption(0, "!!!"), *photo.captions[1:]))
        if photo.name == extra.name:
            photo = replace(photo, captions=(ReferenceCaption(0, "…"),))
        photos.append(photo)
    names = [photo.name for photo in photos]
    writer = StoreWriter(tmp_path / "store", names, (CELLS, CHANNELS), encoder=FEATURES, pca=make_pca().identity)
    faults = {names.index(photo.name): "is no photo" for photo in (bad, bad_dev)}
    writer.write({row: np.full((CELLS, CHANNELS), row) for row in range(len(names)) if row not in faults}, faults)
    inputs = replace(
        tiny_inputs, dataset=replace(dataset, photos=tuple(photos)), stores=[FeatureStore(tmp_path / "store")]
    )
    pack = train_decoder(inputs, tmp_path / "run", training_settings(epochs=1), progress=False)
    assert load_pack(pack).card.data["train photos"] == 7


def test_several_origins_are_in_the_card_and_the_dev_score_is_by_people(
    tiny_inputs: TrainingInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three captions of each photo are translations, which are no references of the dev score."""
    drawn: dict[str, Any] = {}

    class Recorded(Batches):
        def __init__(self, *args: Any, **options: Any) -> None:
            drawn.update(options)
            super().__init__(*args, **options)

    def mix(caption: ReferenceCaption) -> ReferenceCaption:
        return replace(caption, origin="mt:engine") if caption.index < 3 else replace(caption, weight=2.0)

    monkeypatch.setattr("polycap.training.learner.Batches", Recorded)
    captions = {photo.name: tuple(map(mix, photo.captions)) for photo in tiny_inputs.dataset.photos}
    inputs = replace(tiny_inputs, dataset=tiny_inputs.dataset.with_captions(captions))
    assert [[c.index for c in photo.captions] for photo in inputs.dev_references()] == [[3, 4], [3, 4]]
    pack = train_decoder(inputs, tmp_path, training_settings(epochs=1), progress=False)
    card = read_card(pack)
    assert card.data["caption origin"] == "human+mt:engine"
    assert card.data["train captions by origin"] == "16 human (weight 2), 24 mt:engine"
    assert card.training["chosen by"] == "dev BLEU-4 of free-running captions, references: human"
    assert drawn["weights"] == [[1.0, 1.0, 1.0, 2.0, 2.0]] * 8


def test_an_interrupt_that_tensorflow_swallows_is_delivered(
    tiny_inputs: TrainingInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C inside a call whose exceptions are discarded ends the run after the batch."""
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
