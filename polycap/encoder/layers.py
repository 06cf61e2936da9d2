"""Shapes of Xception's weights by layer, in the order of Keras' `Model.layers`.

With this table, weights are read and checked without building the network, which needs Keras.
"""

from collections.abc import Iterator
from typing import TypeAlias

__all__ = ["LAYERS", "PARAMETERS", "SHAPES", "Shape"]

Shape: TypeAlias = tuple[int, ...]
Layer: TypeAlias = tuple[str, tuple[Shape, ...]]
"""A layer's class, as in Keras 3's files, and the shapes of its weights."""


def _convolution(side: int, inputs: int, outputs: int) -> Iterator[Layer]:
    yield "conv2d", ((side, side, inputs, outputs),)
    yield "batch_normalization", ((outputs,),) * 4


def _separable(inputs: int, outputs: int) -> Iterator[Layer]:
    yield "separable_conv2d", ((3, 3, inputs, 1), (1, 1, inputs, outputs))
    yield "batch_normalization", ((outputs,),) * 4


def _layers() -> Iterator[Layer]:
    """Yield the layers of entry, middle and exit flow: figure 5 of Chollet (2017), arXiv:1610.02357."""
    yield from _convolution(3, 3, 32)
    yield from _convolution(3, 32, 64)
    for inputs, outputs in ((64, 128), (128, 256), (256, 728)):
        yield from _separable(inputs, outputs)
        yield from _separable(outputs, outputs)
        yield from _convolution(1, inputs, outputs)  # residual connection
    for _ in range(8 * 3 + 1):
        yield from _separable(728, 728)
    yield from _separable(728, 1024)
    yield from _convolution(1, 728, 1024)
    yield from _separable(1024, 1536)
    yield from _separable(1536, 2048)


LAYERS = tuple(_layers())
SHAPES = tuple(shape for _, shapes in LAYERS for shape in shapes)
"""Shapes of the 234 tensors, in the order of `Model.get_weights()`."""


def _size(shape: Shape) -> int:
    return shape[0] * _size(shape[1:]) if shape else 1


PARAMETERS = sum(map(_size, SHAPES))
