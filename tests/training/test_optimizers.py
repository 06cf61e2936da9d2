"""Tests of polycap/training/optimizers.py."""

from typing import Any

import numpy as np
import pytest

from polycap.machine.backend import keras
from polycap.training.optimizers import teacher_forcing_optimizer
from polycap.training.settings import TrainingSettings

pytest_plugins = ["tiny_fixtures"]


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


def test_weight_decay_excludes_biases_and_embeddings() -> None:
    settings = TrainingSettings(epochs=1, warmup_epochs=0, learning_rate=0.1, weight_decay=0.5)
    optimizer = teacher_forcing_optimizer(settings, steps=10)
    names = {"kernel": True, "bias": False, "output_bias": False, "embeddings": False, "place": False}
    variables = [keras.Variable(np.ones(2), name=name) for name in names]
    optimizer.build(variables)
    optimizer.apply([keras.ops.zeros(2)] * len(variables))
    assert dict(zip(names, (float(v[0]) < 1 for v in variables), strict=True)) == names
