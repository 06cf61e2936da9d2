"""Processor: model, cores, and instruction sets."""

import math
import os
import platform
from functools import cache
from pathlib import Path

from polycap.machine.cgroup import processor_quota

__all__ = [
    "affinity_count",
    "core_count",
    "has_amx",
    "has_avx2",
    "has_bfloat16_products",
    "has_fast_bfloat16",
    "processor",
]


def has_fast_bfloat16() -> bool:
    """Return whether bfloat16 is faster than float32: AMX (Xeons since 2023) or AMD's AVX512-BF16 (EPYCs since 2022).

    False on systems other than Linux. With Intel's AVX512-BF16 alone, OpenVINO's encoder took 1.7 times as long in
    bfloat16 as in float32, and TensorFlow's training 1.4 times. On an EPYC of 2024 it was 0.6 and 0.75 times.
    """
    return has_amx() or {"AuthenticAMD", "avx512_bf16"} <= _flags()


def has_amx() -> bool:
    """Return whether the processor multiplies tiles of bfloat16 (AMX), as Xeons do since 2023."""
    return "amx_bf16" in _flags()


def has_bfloat16_products() -> bool:
    """Return whether the processor has bfloat16 products, fast or not; otherwise bfloat16 is emulated, slowly."""
    return bool(_flags() & {"amx_bf16", "avx512_bf16"})


def has_avx2() -> bool:
    """Return whether the processor has AVX2, as x86-64 has for ten years. False on systems other than Linux."""
    return "avx2" in _flags()


@cache
def _flags() -> frozenset[str]:
    processor = Path("/proc/cpuinfo")
    text = processor.read_text(encoding="utf-8") if processor.is_file() else ""
    return frozenset(text.split())


def processor() -> str:
    """Return the processor's model, or "unknown"."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, (*models, platform.processor(), platform.machine())), "unknown")


def core_count() -> int:
    """Return the number of cores that this process may use, by its affinity and its control group's quota."""
    cores, quota = affinity_count(), processor_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def affinity_count() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
