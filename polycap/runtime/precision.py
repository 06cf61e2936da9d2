"""In which numbers the encoder computes: whole float32, or what is faster and less exact."""

import os

from polycap.errors import CaptionRuntimeError

__all__ = ["AUTO", "BF16", "F32", "FPMATH", "INT8", "PRECISIONS", "PRECISION_VARIABLE", "choose_precision"]

PRECISION_VARIABLE = "POLYCAP_PRECISION"
FPMATH = "ONEDNN_DEFAULT_FPMATH_MODE"
"""oneDNN's own variable, which TensorFlow reads; `polycap.machine.backend` says more."""
AUTO, F32, BF16, INT8 = "auto", "f32", "bf16", "int8"
PRECISIONS = (F32, BF16, INT8)


def choose_precision(name: str | None = None) -> str:
    """A precision by its name: f32, bf16, int8, or auto, which is bf16 where the CPU is faster so, and never int8.

    Args:
        name: without it the environment variable `POLYCAP_PRECISION`, else auto; that is f32 where
            `ONEDNN_DEFAULT_FPMATH_MODE` is `STRICT`.

    Raises:
        CaptionRuntimeError: no precision of this name.
    """
    chosen = name or os.environ.get(PRECISION_VARIABLE) or AUTO
    if chosen != AUTO and chosen not in PRECISIONS:
        where = "--precision" if name else PRECISION_VARIABLE
        raise CaptionRuntimeError(f"{where} {chosen}: no such precision; there are {AUTO}, {', '.join(PRECISIONS)}")
    return F32 if chosen == AUTO and os.environ.get(FPMATH) == "STRICT" else chosen
