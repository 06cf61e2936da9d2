"""Precision of the encoder: float32, or a faster and less exact one."""

import os

from polycap.errors import CaptionRuntimeError
from polycap.machine.processor import has_fast_bfloat16

__all__ = [
    "AUTO",
    "BF16",
    "F32",
    "FPMATH",
    "INT8",
    "PRECISIONS",
    "PRECISION_VARIABLE",
    "choose_precision",
    "expected_precision",
]

PRECISION_VARIABLE = "POLYCAP_PRECISION"
FPMATH = "ONEDNN_DEFAULT_FPMATH_MODE"
"""Environment variable of oneDNN, which TensorFlow reads; see `polycap.machine.backend`."""
AUTO, F32, BF16, INT8 = "auto", "f32", "bf16", "int8"
PRECISIONS = (F32, BF16, INT8)


def choose_precision(name: str | None = None) -> str:
    """Return a precision by its name: f32, bf16, int8 or auto.

    Auto is bf16 on CPUs where that is faster, else f32, and never int8. It is f32 if the environment variable
    `ONEDNN_DEFAULT_FPMATH_MODE` is `STRICT`.

    Args:
        name: precision. (default: the environment variable `POLYCAP_PRECISION`, else auto)

    Raises:
        CaptionRuntimeError: there is no such precision.
    """
    chosen = name or os.environ.get(PRECISION_VARIABLE) or AUTO
    if chosen != AUTO and chosen not in PRECISIONS:
        where = "`precision`" if name else PRECISION_VARIABLE
        raise CaptionRuntimeError(f"{where} {chosen}: no such precision; there are {AUTO}, {', '.join(PRECISIONS)}")
    return F32 if chosen == AUTO and os.environ.get(FPMATH) == "STRICT" else chosen


def expected_precision() -> str:
    """Return the precision that a captioner without settings of its own computes in here, as `choose_precision`.

    Loads no runtime: it goes by the processor.
    """
    chosen = choose_precision()
    return chosen if chosen != AUTO else BF16 if has_fast_bfloat16() else F32
