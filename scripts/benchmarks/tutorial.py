"""What the baselines share: Keras as the tutorials have it.

The baselines are our own plain writing of what "Image Caption Generator with CNN & LSTM" tutorials do. Nothing in
them is slowed down on purpose; where today's Keras would make the tutorials' code slower than it was in their day, it
is kept from doing so.
"""

import os
from typing import Any

from polycap.machine.stderr import quiet

__all__ = ["plain_keras", "without_xla"]


def plain_keras() -> Any:
    """Keras with TensorFlow as it comes: in float32. To be called before anything else imports Keras."""
    # oneDNN's own default, in place of the bfloat16 that `polycap.machine.backend` asks for when it is imported later
    os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with quiet():
        import keras

    return keras


def without_xla(model: Any) -> Any:
    """The model, ready for `predict`. Keras 3 would compile it by XLA, with which Xception is ten times slower."""
    model.compile(jit_compile=False)
    return model
