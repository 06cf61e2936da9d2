"""Keras with polycap's settings. Import `keras` from this module only, and only in code that computes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from polycap.machine.processor import has_amx, has_avx2, has_bfloat16_products, has_fast_bfloat16

# TensorFlow reads these when it is imported. A value that the user has set takes precedence.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# bfloat16 inside float32 matrix products and convolutions, on CPUs where it is faster: about 1.4 times, with a cosine
# to float32 of at least 0.9998. `STRICT` is float32.
os.environ.setdefault("ONEDNN_DEFAULT_FPMATH_MODE", "BF16" if has_fast_bfloat16() else "STRICT")
if has_avx2():  # By default TensorFlow uses oneDNN only with AVX512-VNNI; with oneDNN, training is 1.3 times faster.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from polycap.errors import CaptionRuntimeError
from polycap.machine.extras import require_keras
from polycap.machine.fork import require_same_process
from polycap.machine.private_apis import replace_keras_home
from polycap.machine.stderr import quiet
from polycap.machine.telemetry import without_telemetry

__all__ = ["allow_bfloat16", "has_bfloat16_convolutions", "keras", "require_float32"]

_KERAS_HOME = "KERAS_HOME"


@contextmanager
def _without_settings() -> Iterator[None]:
    """Hide the user's `keras.json` from Keras, which would silently change captions, and keep Keras from writing one.

    Keras reads its folder's name once. It is restored afterwards, for the user's own downloads by Keras.
    """
    home = os.environ.get(_KERAS_HOME)
    os.environ[_KERAS_HOME] = os.devnull  # neither a folder nor a place to create one
    try:
        yield
    finally:
        del os.environ[_KERAS_HOME]
        if home is not None:
            os.environ[_KERAS_HOME] = home
    replace_keras_home(os.devnull, home or os.path.expanduser("~/.keras"))  # noqa: PTH111


require_same_process()
require_keras("Keras", error=CaptionRuntimeError)
with quiet(), without_telemetry(), _without_settings():
    import keras


def require_float32() -> None:
    """Check that Keras creates layers in float32.

    Raises:
        CaptionRuntimeError: the program that uses polycap has set another dtype.
    """
    for name, dtype in (("floatx", keras.config.floatx()), ("dtype_policy", keras.config.dtype_policy().name)):
        if dtype != "float32":
            raise CaptionRuntimeError(
                f"runtime keras: keras.config.{name}() is {dtype} in this process, and polycap computes in float32; "
                f'call keras.config.set_{name}("float32") before, or caption with runtime openvino'
            )


def has_bfloat16_convolutions() -> bool:
    """Return whether TensorFlow's convolutions multiply in bfloat16; with AVX512-BF16 alone they do not."""
    return _may_round() and has_amx()


def allow_bfloat16() -> bool:
    """Enable bfloat16 matrix products in TensorFlow graphs that are built afterwards, if the CPU is faster with them.

    Weights, sums and losses remain float32. Training became 1.3 to 1.5 times faster. Other backends are not changed.

    Returns:
        Whether bfloat16 is enabled.
    """
    if not (_may_round() and has_bfloat16_products()):
        return False
    import tensorflow as tf

    # Sigmoid and tanh are slower and less exact in bfloat16. TensorFlow reads these variables when it rewrites a graph.
    for change in ("INFERLIST_REMOVE", "DENYLIST_ADD"):
        os.environ.setdefault(f"TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_{change}", "Sigmoid,Tanh")
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    return True


def _may_round() -> bool:
    return bool(keras.backend.backend() == "tensorflow" and os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] == "BF16")
