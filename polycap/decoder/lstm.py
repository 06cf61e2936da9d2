"""The LSTM: one step for search, and for training all steps of captions of many lengths, its gradient written out.

The backend's own gradient adds up the kernel's step by step, and steps of equal size have padding in every third
place. Here the kernel's is one product over all steps, and a step has only the captions that reach it: with both a
training step takes two thirds of the time.

References: Hochreiter and Schmidhuber (1997), "Long Short-Term Memory"; Gers et al. (2000), "Learning to Forget" (the
forget gate); Jozefowicz et al. (2015), "An Empirical Exploration of Recurrent Network Architectures" (its bias).
"""

from collections.abc import Sequence
from typing import Any

from polycap.machine.backend import keras

__all__ = ["Tensor", "lstm_gates", "run_lstm"]

ops = keras.ops
Tensor = Any
"""A tensor of the Keras backend in use."""


def lstm_gates(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """One step: `(…, 4·units)` and the cell before, `(…, units)` → output, cell."""
    entry, forget, candidate, leave = _activate(gates)
    cell = forget * cell + entry * candidate
    return leave * ops.tanh(cell), cell


def run_lstm(
    inputs: Tensor, counts: Sequence[Any], share: Tensor, kernel: Tensor, output: Tensor, cell: Tensor
) -> Tensor:
    """All steps of captions that are sorted by their length, the longest first.

    Args:
        inputs: of each step's captions, one step's after another's, `(tokens, 4·units) float32`.
        counts: how many captions each step has, never more than the step before.
        share: what every step's gates get, `(captions, 4·units) float32`.
        kernel: from the output before to the gates, `(units, 4·units) float32`.
        output: before the first step, `(captions, units) float32`.
        cell: likewise.

    Returns:
        Outputs, `(tokens, units) float32`.
    """
    ends = [sum(counts[: step + 1]) for step in range(len(counts))]
    begins = [0, *ends[:-1]]

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def run(inputs: Tensor, share: Tensor, kernel: Tensor, output: Tensor, cell: Tensor) -> tuple[Tensor, Any]:
        steps: list[_Step] = []
        for begin, end, count in zip(begins, ends, counts, strict=True):
            steps.append(_Step(inputs[begin:end] + share[:count], kernel, output[:count], cell[:count]))
            output, cell = steps[-1].output, steps[-1].cell

        def gradient(*upstream: Tensor, **named: Tensor) -> tuple[Tensor, ...]:
            above = named["upstream"] if named else upstream[0]
            return _gradient(steps, kernel, [above[begin:end] for begin, end in zip(begins, ends, strict=True)])

        return ops.concatenate([step.output for step in steps]), gradient

    # a copy: TensorFlow asks for the gradient of a variable in a way of its own
    return run(inputs, share, ops.copy(kernel), output, cell)


class _Step:
    """One step, and what its gradient needs of it."""

    def __init__(self, inputs: Tensor, kernel: Tensor, output: Tensor, cell: Tensor) -> None:
        self.output_before, self.cell_before = output, cell  # (captions, units)
        self._gates = _activate(inputs + ops.matmul(output, kernel))
        entry, forget, candidate, leave = self._gates
        self.cell = forget * cell + entry * candidate
        self._said = ops.tanh(self.cell)
        self.output = leave * self._said

    def gradient(self, output: Tensor, cell_after: Tensor | None) -> tuple[Tensor, Tensor]:
        """Gradients of output and, from the step after, of the cell → those of the gates and of the cell before."""
        entry, forget, candidate, leave = self._gates
        cell = _add_above(output * (leave * (1.0 - ops.square(self._said))), cell_after)
        # in brackets what waits for no other step: it is computed beside what does
        gates = [
            cell * (candidate * entry * (1.0 - entry)),
            cell * (self.cell_before * forget * (1.0 - forget)),
            cell * (entry * (1.0 - ops.square(candidate))),
            output * (self._said * leave * (1.0 - leave)),
        ]
        return ops.concatenate(gates, axis=-1), cell * forget


def _gradient(steps: Sequence[_Step], kernel: Tensor, upstream: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Of each step's outputs → of inputs, share, kernel, output and cell."""
    # of three axes: TensorFlow would fold a plain transpose into each step's product, half as fast
    backwards = ops.squeeze(ops.transpose(ops.expand_dims(kernel, 0), (0, 2, 1)), 0)
    of_steps: list[Tensor] = []
    share = output = cell = None
    for step, above in zip(reversed(steps), reversed(upstream), strict=True):
        gates, cell = step.gradient(_add_above(above, output), cell)
        output = ops.matmul(gates, backwards)
        share = _add_above(gates, share)
        of_steps.insert(0, gates)
    inputs = ops.concatenate(of_steps)  # (tokens, 4·units)
    before = ops.concatenate([step.output_before for step in steps])  # (tokens, units)
    return inputs, share, ops.matmul(ops.transpose(before), inputs), output, cell


def _activate(gates: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    entry, forget, candidate, leave = ops.split(gates, 4, axis=-1)
    # +1: a new cell remembers by default (Jozefowicz et al.)
    return ops.sigmoid(entry), ops.sigmoid(forget + 1.0), ops.tanh(candidate), ops.sigmoid(leave)


def _add_above(tensor: Tensor, first: Tensor | None) -> Tensor:
    """Add to the first rows; those that follow ended in this step."""
    if first is None:
        return tensor
    count = ops.shape(first)[0]
    if isinstance(count, int) and count == tensor.shape[0]:
        return tensor + first
    return ops.concatenate([tensor[:count] + first, tensor[count:]])
