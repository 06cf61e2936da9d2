"""Tests of polycap/decoder/lstm.py."""

from typing import Any

import numpy as np
import pytest

from decoding import ops
from polycap.decoder.lstm import lstm_step, run_lstm


@pytest.mark.parametrize("steps", [(4, 4, 4), (5, 3, 1)])
def test_the_slope_of_the_lstm(steps: tuple[int, ...]) -> None:
    """Written out, it is what the backend derives step by step."""
    import tensorflow as tf

    generator = np.random.default_rng(2)

    def some(*shape: int) -> Any:
        return tf.Variable(generator.normal(size=shape).astype(np.float32))

    inputs, share, kernel = some(sum(steps), 12), some(steps[0], 12), some(3, 12)
    output, cell = some(steps[0], 3), some(steps[0], 3)
    weights = generator.normal(size=(sum(steps), 3)).astype(np.float32)
    variables = [inputs, share, kernel, output, cell]

    def plainly() -> Any:
        outputs, last, state = [], output, cell
        for part in tf.split(inputs, steps):
            count = part.shape[0]
            last, state = lstm_step(part + share[:count] + last[:count] @ kernel, state[:count])
            outputs.append(last)
        return ops.concatenate(outputs)

    def ours() -> Any:
        return run_lstm(inputs, steps, share, kernel, output, cell)

    found = []
    for run in (ours, plainly):
        with tf.GradientTape() as tape:
            outputs = run()
            loss = ops.sum(outputs * weights)
        found.append([outputs, *tape.gradient(loss, variables)])
    for written, derived in zip(*found, strict=True):
        np.testing.assert_allclose(np.asarray(written), np.asarray(derived), rtol=1e-4, atol=1e-5)
        assert np.abs(np.asarray(written)).max() > 0.01


def test_the_cell_is_an_lstm() -> None:
    generator = np.random.default_rng(0)
    gates, cell = generator.normal(size=(3, 8)), generator.normal(size=(3, 2))
    entry, forget, candidate, leave = np.split(gates, 4, axis=-1)

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    expected = sigmoid(forget + 1) * cell + sigmoid(entry) * np.tanh(candidate)
    output, after = lstm_step(ops.convert_to_tensor(gates), ops.convert_to_tensor(cell))
    np.testing.assert_allclose(np.asarray(after), expected, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(output), sigmoid(leave) * np.tanh(expected), rtol=1e-5)
