"""Limits of the control group of this process (Linux): processor time and memory, as containers and services have."""

from collections.abc import Iterator
from pathlib import Path

__all__ = ["memory_left", "processor_quota"]

_MEMBERSHIP, _ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def processor_quota() -> float | None:
    """Return the number of cores whose time this process may use, such as 1.5; None without a limit."""
    quotas = []
    for folder in _folders("cpu"):
        words = _words(folder / "cpu.max") or (
            *_words(folder / "cpu.cfs_quota_us"),
            *_words(folder / "cpu.cfs_period_us"),
        )
        if len(words) == 2 and all(word.isdigit() for word in words) and int(words[1]):  # else "max", or -1
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def memory_left() -> int | None:
    """Return the bytes that this process and its group may still take; None without a limit."""
    left = [
        int(limit[0]) - int(used[0])
        for folder in _folders("memory")
        for limits, usage in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
        if (limit := _words(folder / limits)) and (used := _words(folder / usage)) and limit[0].isdigit()
    ]
    return max(0, min(left)) if left else None


def _folders(controller: str) -> Iterator[Path]:
    """Yield the folders of the group and of those that contain it, of both versions of control groups."""
    for line in _lines(_MEMBERSHIP):
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            root = _ROOT / controller if controllers else _ROOT
            group = Path(path.lstrip("/"))
            yield from (root / each for each in (group, *group.parents))


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
