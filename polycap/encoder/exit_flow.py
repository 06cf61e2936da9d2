"""Xception's exit flow as a network of its own, whose convolutions can be trained on stored activations.

Batch normalisation stays as it was trained: it is applied with its moving statistics, and is not changed.
"""

from typing import Any

import numpy as np

from polycap.encoder.weight_files import Tensors
from polycap.machine.backend import keras

__all__ = ["ExitFlow"]

ops = keras.ops

SIDE = 19
"""Cells in a row of the middle flow, and rows of cells."""
TENSORS = 29
"""Number of the exit flow's tensors, the last ones of Xception's."""
CONVOLUTIONS = ((0, 1), (6, 7), (12,), (17, 18), (23, 24))
"""Places of the trained kernels among them: two separable convolutions, the residual connection's, two separable ones.
The four tensors of a batch normalisation follow each."""
EPSILON = 1e-3
"""Addend of the variance in Xception's batch normalisation."""


class ExitFlow:
    """Exit flow: `(batch, 361, 728) float` before `block13_sepconv1_act` → `(batch, 10, 10, 2048) float32`.

    Attributes:
        kernels: the nine trained kernels as Keras variables, in the order of Keras' `Model.get_weights()`.
        middle_channels: channels of a cell before, 728 in Xception.
        channels: channels of a cell after, 2048 in Xception.

    Args:
        tensors: Xception's tensors, of which the last 29 are used.
    """

    def __init__(self, tensors: Tensors) -> None:
        own = tensors[-TENSORS:]
        self.kernels = [
            keras.Variable(own[place], name=f"exit_flow_{place}") for places in CONVOLUTIONS for place in places
        ]
        self.middle_channels, self.channels = own[0].shape[2], own[CONVOLUTIONS[-1][-1]].shape[3]
        norms = [own[places[-1] + 1 : places[-1] + 5] for places in CONVOLUTIONS]
        scales = [gamma / np.sqrt(variance + EPSILON) for gamma, _, _, variance in norms]
        self._norms = [(scale, beta - mean * scale) for scale, (_, beta, mean, _) in zip(scales, norms, strict=True)]

    def __call__(self, activations: Any) -> Any:
        """Compute the cells of Xception's last layer."""
        depthwise1, pointwise1, depthwise2, pointwise2, residual, *last = self.kernels
        middle = ops.reshape(ops.cast(activations, "float32"), (-1, SIDE, SIDE, self.middle_channels))
        cells = self._separable(ops.relu(middle), depthwise1, pointwise1, 0)
        cells = self._separable(ops.relu(cells), depthwise2, pointwise2, 1)
        cells = ops.max_pool(cells, 3, strides=2, padding="same")
        cells = cells + self._pointwise(middle[:, ::2, ::2], residual, 2)  # (batch, 10, 10, 1024)
        cells = ops.relu(self._separable(cells, last[0], last[1], 3))
        return ops.relu(self._separable(cells, last[2], last[3], 4))

    def tensors(self, tensors: Tensors, share: float = 1.0) -> Tensors:
        """Return Xception's tensors with this exit flow's kernels in their places.

        Args:
            tensors: Xception's tensors.
            share: interpolation factor from the kernels in `tensors`, 0, to this exit flow's, 1. (default: 1)
        """
        places = [len(tensors) - TENSORS + place for places in CONVOLUTIONS for place in places]
        mixed = list(tensors)
        for place, kernel in zip(places, self.kernels, strict=True):
            mixed[place] = np.asarray((1 - share) * tensors[place] + share * np.asarray(kernel), dtype=np.float32)
        return mixed

    def _separable(self, cells: Any, depthwise: Any, pointwise: Any, norm: int) -> Any:
        # TensorFlow's own gradient of it took 7 to 14 ms of a step, with oneDNN; written out by shifts 50 to 300 ms.
        return self._pointwise(ops.depthwise_conv(cells, depthwise, padding="same"), pointwise, norm)

    def _pointwise(self, cells: Any, kernel: Any, norm: int) -> Any:
        """Convolve 1 × 1 and normalise; the norm's scale is multiplied into the kernel, which is smaller."""
        scale, shift = self._norms[norm]
        return ops.conv(cells, kernel * scale, padding="same") + shift
