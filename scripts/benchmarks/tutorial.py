"""Shared code of the baselines: Keras as in the tutorials.

The baselines are polycap's own implementation of the "Image Caption Generator with CNN & LSTM" tutorials. Nothing in
them is slowed down on purpose. Defaults of today's Keras that would make the tutorials' code slower than at their time
are turned off.
"""

import os
from typing import Any

from polycap.machine.stderr import quiet

__all__ = ["plain_keras", "without_xla"]


def plain_keras() -> Any:
    """Import Keras with TensorFlow's defaults, in float32. Must be called before other code imports Keras."""
    # oneDNN's default, instead of the bfloat16 that `polycap.machine.backend` sets when it is imported later
    os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with quiet():
        import keras

    return keras


def without_xla(model: Any) -> Any:
    """Prepare the model for `predict`, without XLA, which Keras 3 would use: with it, Xception is ten times slower."""
    model.compile(jit_compile=False)
    return model
