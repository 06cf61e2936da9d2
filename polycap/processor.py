"""What this machine's processor can do."""

from functools import cache
from pathlib import Path

__all__ = ["has_amx", "has_avx2", "has_bfloat16_products"]


def has_amx() -> bool:
    """Whether bfloat16 is worth it: the processor has AMX (Xeons since 2023). False where Linux does not tell.

    With AVX512-BF16 alone, OpenVINO's encoder took 1.7 times as long in bfloat16 as in float32, and TensorFlow's
    training 1.4 times.
    """
    return "amx_bf16" in _flags()


def has_bfloat16_products() -> bool:
    """Whether the processor multiplies in bfloat16, however fast; elsewhere it would be emulated, slowly."""
    return bool(_flags() & {"amx_bf16", "avx512_bf16"})


def has_avx2() -> bool:
    """Whether the processor is an x86-64 of the last ten years. False where Linux does not tell."""
    return "avx2" in _flags()


@cache
def _flags() -> frozenset[str]:
    processor = Path("/proc/cpuinfo")
    text = processor.read_text(encoding="utf-8") if processor.is_file() else ""
    return frozenset(text.split())
