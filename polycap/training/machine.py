"""What a run was computed on and how long it took, for its pack's card."""

import csv
import os
import platform
from collections.abc import Sequence
from pathlib import Path

__all__ = ["cores", "describe_machine", "processor", "time_spent"]


def describe_machine(*, bfloat16: bool) -> dict[str, str | int]:
    """Processor, cores that this process may use, accelerators, and what computes.

    Args:
        bfloat16: whether matrix products are computed so, as `allow_bfloat16` returned.
    """
    from polycap.backend import keras  # here: who asks for the processor alone should not wait for it

    found: dict[str, str | int] = {"processor": processor(), "cores": cores()}
    accelerators = _accelerators()
    if accelerators:
        found["accelerators"] = accelerators
    found["backend"] = keras.backend.backend() + (", bfloat16 matrix products" if bfloat16 else ", float32")
    return found


def time_spent(logs: Sequence[Path]) -> dict[str, float]:
    """How long all epochs took on the clock, those before a run was killed included.

    Args:
        logs: the `log.csv` of each phase; one that is not there was not needed.
    """
    rows = []
    for log in logs:
        if log.is_file():
            with log.open(encoding="utf-8", newline="") as stream:
                rows += list(csv.DictReader(stream))
    seconds = [float(row["seconds"]) for row in rows]
    scoring = [float(row.get("dev_seconds") or 0) for row in rows]  # a run that an older polycap began has none
    return {
        "minutes of training": round(sum(seconds) / 60, 1),
        "minutes of scoring epochs": round(sum(scoring) / 60, 1),
        "seconds per epoch": round(sum(seconds) / max(1, len(seconds)), 1),
    }


def processor() -> str:
    """The processor's model, or "unknown"; Linux tells it in a file of its own."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, (*models, platform.processor(), platform.machine())), "unknown")


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _accelerators() -> str:
    """The GPUs and the like that Keras' backend sees; empty without any, or where it can't tell."""
    from polycap.backend import keras

    try:
        devices = [name for kind in ("gpu", "tpu") for name in keras.distribution.list_devices(kind)]
    except (NotImplementedError, RuntimeError, ValueError):
        return ""
    return ", ".join(devices)
