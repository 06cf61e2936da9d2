"""Tests of polycap/training/encoder.py and exit_flow.py."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from exit_flows import activation_stores, tiny_exit_flow
from polycap.dataset import Dataset
from polycap.errors import TrainingError
from polycap.language import Language
from polycap.training.encoder import EncoderInputs, TunedExitFlow, tune_exit_flow
from polycap.training.encoder_settings import EncoderSettings
from polycap.training.exit_flow import ExitFlowTrainer

pytest_plugins = ["tiny_fixtures"]

SETTINGS = EncoderSettings(epochs=3, words=8, photos_per_batch=3, learning_rate=0.01, head_rate=0.1, checkpoint_steps=1)


@pytest.fixture(scope="module")
def inputs(tiny_dataset: Dataset, tiny_language: Language, tmp_path_factory: pytest.TempPathFactory) -> EncoderInputs:
    train, dev = ([photo.name for photo in tiny_dataset.split(split)] for split in ("train", "dev"))
    stores = activation_stores(tmp_path_factory.mktemp("activations"), [*train, *dev], train)
    return EncoderInputs(tiny_exit_flow(), stores, [(tiny_language, tiny_dataset.photos)], train, dev)


@pytest.fixture(scope="module")
def finished(inputs: EncoderInputs, tmp_path_factory: pytest.TempPathFactory) -> TunedExitFlow:
    """An uninterrupted run; read-only."""
    return tune_exit_flow(inputs, tmp_path_factory.mktemp("run") / "whole", SETTINGS, progress=False)


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("xception.safetensors", "words.safetensors", "words.json")}


def test_the_exit_flow_learns(finished: TunedExitFlow, inputs: EncoderInputs) -> None:
    assert [epoch["epoch"] for epoch in finished.epochs] == [1, 2, 3]
    losses = [epoch["loss"] for epoch in finished.epochs]
    assert losses == sorted(losses, reverse=True)
    assert all(0 < epoch["mean_average_precision"] <= 1 for epoch in finished.epochs)
    tuned = list(load_file(finished.weights).values())
    moved = [not np.array_equal(a, b) for a, b in zip(tuned, inputs.tensors, strict=True)]
    assert moved == [tensor.ndim == 4 for tensor in inputs.tensors]  # kernels alone
    log = (finished.weights.parent / "log.csv").read_text().splitlines()
    assert log[0] == "epoch,loss,mean_average_precision,seconds"
    assert len(log) == 4


def test_a_run_that_was_stopped_resumes_to_the_same_bytes(
    finished: TunedExitFlow, inputs: EncoderInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = ExitFlowTrainer.step
    calls = []

    def stop(self: ExitFlowTrainer, *batch: Any) -> float:
        calls.append(batch)
        if len(calls) == 4:  # in the middle of the second epoch
            raise KeyboardInterrupt
        return step(self, *batch)

    monkeypatch.setattr(ExitFlowTrainer, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        tune_exit_flow(inputs, tmp_path, SETTINGS, progress=False)
    resumed = tune_exit_flow(inputs, tmp_path, SETTINGS, progress=False)
    assert len(calls) == 4 + 3
    assert results(tmp_path) == results(finished.weights.parent)
    for ours, whole in zip(resumed.epochs, finished.epochs, strict=True):
        assert {**ours, "seconds": 0} == {**whole, "seconds": 0}


def test_another_share_of_the_tuned_weights_needs_no_training(
    finished: TunedExitFlow, inputs: EncoderInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = list(load_file(finished.weights).values())
    shutil.copytree(finished.weights.parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.delattr(ExitFlowTrainer, "step")
    for share in (0.25, 0.0, 1.0):
        settings = SETTINGS.model_copy(update={"share": share})
        made = tune_exit_flow(inputs, tmp_path, settings, progress=False)
        for ours, before, after in zip(load_file(made.weights).values(), inputs.tensors, tuned, strict=True):
            np.testing.assert_allclose(ours, before + share * (after - before), rtol=0, atol=1e-6)
    assert results(tmp_path) == results(finished.weights.parent)


def test_a_folder_has_one_run(finished: TunedExitFlow, inputs: EncoderInputs) -> None:
    other = SETTINGS.model_copy(update={"seed": 1})
    with pytest.raises(TrainingError, match=r"config.json:settings: this run was started with .*'seed': 0.*, not"):
        tune_exit_flow(inputs, finished.weights.parent, other, progress=False)


def test_a_broken_checkpoint(finished: TunedExitFlow, inputs: EncoderInputs, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((finished.weights.parent / "config.json").read_bytes())
    (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04 half of one")
    with pytest.raises(TrainingError, match=r"checkpoint.npz: can't be resumed from .*; delete the run folder"):
        tune_exit_flow(inputs, tmp_path, SETTINGS, progress=False)


def test_a_split_without_photos(inputs: EncoderInputs, tmp_path: Path) -> None:
    without = EncoderInputs(inputs.tensors, inputs.stores, inputs.captions, inputs.train, [])
    with pytest.raises(TrainingError, match="no photo of the dev split to tune the encoder with"):
        tune_exit_flow(without, tmp_path, SETTINGS, progress=False)


def test_another_backend(inputs: EncoderInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polycap.machine.backend.keras.backend.backend", lambda: "jax")
    with pytest.raises(TrainingError, match="needs Keras' backend tensorflow, and here it is jax, by KERAS_BACKEND"):
        tune_exit_flow(inputs, tmp_path, SETTINGS, progress=False)
