"""Tests of polycap/training/callbacks.py."""

import logging
from pathlib import Path

import numpy as np
import pytest

from polycap.errors import TrainingError
from polycap.machine.backend import keras
from polycap.training.callbacks import Average
from polycap.training.inputs import TrainingInputs
from polycap.training.phase import tensorboard
from polycap.training.run import train_decoder
from tiny import training_settings

pytest_plugins = ["tiny_fixtures"]


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
    assert (1 + 2) / (10 + 2) < 0.3 < (1 + 7) / (10 + 7)  # both branches
    for step in range(8, 37):  # after 16 steps, one update per 8 steps
        weight.assign(np.array([step, step**2], dtype=np.float32))
        average.on_train_batch_end(step)
        if step > 16 and step % 8:
            continue
        rate = 0.7 if step <= 16 else 1 - 0.3**8
        expected = (1 - rate) * expected + rate * np.array([step, step**2])
    now = np.asarray(weight)
    average.swap()
    np.testing.assert_allclose(np.asarray(weight), expected, rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(average.average[0]), now)
    average.swap()
    np.testing.assert_array_equal(np.asarray(weight), now)


def test_a_loss_that_is_no_number(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    settings = training_settings(learning_rate=1e30, warmup_epochs=0)
    with pytest.raises(TrainingError, match=r"epoch \d: the loss is nan; lower the learning_rate"):
        train_decoder(tiny_inputs, tmp_path, settings, progress=False)
    assert not (tmp_path / "pack").exists()


def test_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert len(tensorboard(tmp_path)) == 1
    monkeypatch.setattr("polycap.training.phase.find_spec", lambda _: None)
    assert tensorboard(tmp_path) == []
    assert 'tensorboard is not installed: log.csv only (pip install "polycap[train]" for both)' in caplog.text


def test_batches_of_many_shapes_give_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tensorflow")
    logger.warning("5 out of the last 5 calls to %s triggered tf.function retracing.", "step")
    logger.warning("another warning")
    assert caplog.messages == ["another warning"]
