"""Memory that this process may still take."""

from pathlib import Path

from polycap.machine.cgroup import memory_left

__all__ = ["available_memory"]

_MEMINFO = Path("/proc/meminfo")


def available_memory() -> int | None:
    """Return the bytes of memory that are available, within the control group's limit; None where nothing tells."""
    values = [value for value in (_of_machine(), memory_left()) if value is not None]
    return min(values, default=None)


def _of_machine() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
