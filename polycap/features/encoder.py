"""The shared photo encoder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.backend import has_bfloat16_convolutions, keras
from polycap.errors import CaptionRuntimeError
from polycap.features.architecture import build_xception, cells_of
from polycap.features.identity import BLOCKS, CELLS, PREPROCESSING, SIZE, EncoderIdentity, encoder_identity
from polycap.features.weights import Tensors, find_weights, tensors_hash
from polycap.fork import require_same_process

__all__ = ["PREPROCESSING", "Encoder"]


class Encoder:
    """Xception without its top, and colours: a photo becomes 10 × 10 cells of 2840 channels.

    See `polycap.features.architecture` for what they are.

    Attributes:
        identity: hashes of the tensors and the preprocessing, not of the file they came in. Feature stores and packs
            carry one and refuse another's.
        precision: bf16 where TensorFlow rounds what convolutions multiply, else f32.
    """

    size = SIZE
    cells = CELLS
    blocks = BLOCKS

    def __init__(self, tensors: Tensors) -> None:
        require_same_process()
        self.identity: EncoderIdentity = encoder_identity(tensors_hash(tensors))
        self.precision = "bf16" if has_bfloat16_convolutions() else "f32"
        self._network = _freeze(tensors)

    @classmethod
    def load(cls, weights: Path | None = None) -> "Encoder":
        """The encoder with weights from `weights`, or from the first source that `find_weights` finds.

        Raises:
            EncoderError: no usable weights.
            CaptionRuntimeError: Keras computes with another backend than TensorFlow, or in another type than float32.
        """
        return cls(find_weights(weights))

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        """`(batch, 299, 299, 3) uint8` → `(batch, 100, 2840) float16`.

        Raises:
            CaptionRuntimeError: this process was forked from one that had loaded TensorFlow.
        """
        require_same_process()
        return np.asarray(self._network(photos), dtype=np.float16)


def _freeze(tensors: Tensors) -> Callable[[NDArray[np.uint8]], Any]:
    """The network as a graph of constants, in which TensorFlow folds batch normalisation: 25% faster than the model."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise CaptionRuntimeError(
            f"runtime keras: the encoder needs Keras' backend tensorflow, and here it is {backend}, by KERAS_BACKEND "
            "or by this program; unset KERAS_BACKEND, or caption with runtime openvino"
        )
    # Imported here, after `polycap.backend` has set what TensorFlow reads when it is imported.
    import tensorflow as tf

    model = build_xception()

    @tf.function(input_signature=[tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8)])  # type: ignore[untyped-decorator]
    def network(photos: Any) -> Any:
        with keras.StatelessScope(zip(model.weights, tensors, strict=True)):  # in a graph they become constants
            return cells_of(model, photos)

    frozen = network.get_concrete_function()
    return lambda photos: frozen(tf.constant(photos)).numpy()
