"""Keras, imported once with polycap's settings. Import `keras` from here, and only in code that computes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from polycap.machine.processor import has_amx, has_avx2, has_bfloat16_products, has_fast_bfloat16

# TensorFlow reads these when it is imported. Whoever sets them beforehand keeps the last word.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# bfloat16 inside float32 matrix products and convolutions, where the CPU is faster so: about 1.4 times, cosine to
# float32 at least 0.9998. `STRICT` is float32.
os.environ.setdefault("ONEDNN_DEFAULT_FPMATH_MODE", "BF16" if has_fast_bfloat16() else "STRICT")
if has_avx2():  # TensorFlow itself asks for AVX512-VNNI before it uses oneDNN, with which training is 1.3 times faster
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
    """Let Keras find no `keras.json`: the user's decided captions without a word. Keras also writes one, if need be.

    Its folder, which it reads once, is afterwards that of the user again, for downloads of the user's own.
    """
    home = os.environ.get(_KERAS_HOME)
    os.environ[_KERAS_HOME] = os.devnull  # no folder, and none can be made of it
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
    """Go on only where Keras makes layers of float32.

    Raises:
        CaptionRuntimeError: the program that polycap is part of has set another type.
    """
    for name, found in (("floatx", keras.config.floatx()), ("dtype_policy", keras.config.dtype_policy().name)):
        if found != "float32":
            raise CaptionRuntimeError(
                f"runtime keras: keras.config.{name}() is {found} in this process, and polycap computes in float32; "
                f'call keras.config.set_{name}("float32") before, or caption with runtime openvino'
            )


def has_bfloat16_convolutions() -> bool:
    """Whether TensorFlow rounds what convolutions multiply to bfloat16, which with AVX512-BF16 alone it does not."""
    return _may_round() and has_amx()


def allow_bfloat16() -> bool:
    """Let TensorFlow compute matrix products of graphs made from now on in bfloat16, where the CPU is faster so.

    Weights, sums and losses stay float32. It made training 1.3 to 1.5 times faster. Other backends are left alone.

    Returns:
        Whether it is on.
    """
    if not (_may_round() and has_bfloat16_products()):
        return False
    import tensorflow as tf

    # The LSTM's own functions are slower in bfloat16, and less exact. TensorFlow reads these when it rewrites a graph.
    for change in ("INFERLIST_REMOVE", "DENYLIST_ADD"):
        os.environ.setdefault(f"TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_{change}", "Sigmoid,Tanh")
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    return True


def _may_round() -> bool:
    return bool(keras.backend.backend() == "tensorflow" and os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] == "BF16")
