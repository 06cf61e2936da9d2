"""Photo encoder, computed by TensorFlow."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import (
    BLOCKS,
    CELLS,
    MIDDLE_CELLS,
    MIDDLE_CHANNELS,
    PREPROCESSING,
    SIZE,
    encoder_identity,
    middle_flow_identity,
)
from polycap.encoder.network import build_xception, cells_of, middle_flow_of
from polycap.encoder.weight_files import Tensors, tensors_hash
from polycap.errors import CaptionRuntimeError
from polycap.machine.backend import has_bfloat16_convolutions, keras
from polycap.machine.fork import require_same_process

__all__ = ["PREPROCESSING", "Encoder", "MiddleFlow"]


class Encoder:
    """Xception without its top, and colours: encodes a photo as 10 × 10 cells of 2840 channels.

    `polycap.encoder.network` describes the channels.

    Attributes:
        identity: hash of the tensors and the preprocessing. A feature store or pack of another identity is an error.
        artefact: artefact that it was loaded from.
        precision: bf16 if TensorFlow's convolutions multiply in bfloat16, else f32.
    """

    size = SIZE
    cells = CELLS
    blocks: tuple[int, ...] = BLOCKS
    _compute = staticmethod(cells_of)
    _identity = staticmethod(encoder_identity)

    def __init__(self, tensors: Tensors, artefact: EncoderArtefact | None = None) -> None:
        require_same_process()
        self.artefact = artefact
        self.identity = self._identity(tensors_hash(tensors))
        self.precision = "bf16" if has_bfloat16_convolutions() else "f32"
        self._network = _freeze(tensors, self._compute)

    @classmethod
    def load(cls, artefact: EncoderArtefact) -> Self:
        """Load the encoder of an artefact.

        Raises:
            EncoderError: the artefact is broken.
            CaptionRuntimeError: Keras has another backend than TensorFlow, or another dtype than float32.
        """
        return cls(artefact.tensors, artefact)

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Encode photos: `(batch, 299, 299, 3) uint8` → `(batch, cells, channels) float16`.

        Raises:
            CaptionRuntimeError: this process was forked from one that had loaded TensorFlow.
        """
        require_same_process()
        return np.asarray(self._network(photos), dtype=np.float16)


class MiddleFlow(Encoder):
    """The encoder's middle flow: encodes a photo as 19 × 19 cells of 728 channels, for training of the exit flow."""

    cells = MIDDLE_CELLS
    blocks: tuple[int, ...] = (MIDDLE_CHANNELS,)
    _compute = staticmethod(middle_flow_of)
    _identity = staticmethod(middle_flow_identity)


def _freeze(tensors: Tensors, compute: Callable[[Any, Any], Any]) -> Callable[[NDArray[np.uint8]], Any]:
    """Build the network with constant weights, so that TensorFlow folds batch normalisation: 25% faster."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise CaptionRuntimeError(
            f"runtime keras: the encoder needs Keras' backend tensorflow, and here it is {backend}, by KERAS_BACKEND "
            "or by this program; unset KERAS_BACKEND, or caption with runtime openvino"
        )
    # Imported after `polycap.machine.backend` has set the variables that TensorFlow reads when it is imported.
    import tensorflow as tf

    model = build_xception()

    @tf.function(input_signature=[tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8)])  # type: ignore[untyped-decorator]
    def network(photos: Any) -> Any:
        with keras.StatelessScope(zip(model.weights, tensors, strict=True)):  # they become constants of the graph
            return compute(model, photos)

    frozen = network.get_concrete_function()
    return lambda photos: frozen(tf.constant(photos)).numpy()
