"""Tests of polycap/machine/cgroup.py and memory.py: limits as containers set them, in both versions of groups."""

import os
from pathlib import Path

import pytest

from polycap.machine import cgroup, memory, processor

GIGABYTE = 1 << 30


def place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, membership: str, files: dict[str, object], cores: int = 8
) -> None:
    """A machine of some cores, whose process is in these groups."""
    (folder / "membership").write_text(membership)
    for name, content in files.items():
        path = folder / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    monkeypatch.setattr(cgroup, "_MEMBERSHIP", folder / "membership")
    monkeypatch.setattr(cgroup, "_ROOT", folder / "groups")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)


@pytest.mark.parametrize(
    ("membership", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "150000 100000"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000"}, 1),
        ("0::/\n", {"cpu.max": "max 100000"}, 8),
        ("0::/\n", {"cpu.max": "6400000 100000"}, 8),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("4:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": 200000, "cpu/x/cpu.cfs_period_us": 100000}, 2),
        ("4:cpu,cpuacct:/x\n", {"cpu/cpu.cfs_quota_us": 400000, "cpu/cpu.cfs_period_us": 100000}, 4),
        ("4:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": -1, "cpu/cpu.cfs_period_us": 100000}, 8),
        ("0::/\n", {}, 8),
    ],
)
def test_cores_are_those_of_the_quota(
    membership: str, files: dict[str, object], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, monkeypatch, membership, files)
    assert processor.core_count() == cores


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"memory.max": 3 * GIGABYTE, "memory.current": GIGABYTE}, 2 * GIGABYTE),
        ("0::/\n", {"memory.max": GIGABYTE, "memory.current": 2 * GIGABYTE}, 0),
        ("0::/\n", {"memory.max": "max", "memory.current": GIGABYTE}, 6 * GIGABYTE),
        ("0::/\n", {"memory.max": 9 * GIGABYTE, "memory.current": 0}, 6 * GIGABYTE),
        (
            "2:memory:/\n",
            {"memory/memory.limit_in_bytes": 2 * GIGABYTE, "memory/memory.usage_in_bytes": GIGABYTE},
            GIGABYTE,
        ),
    ],
)
def test_memory_is_that_of_the_group(
    membership: str, files: dict[str, object], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, monkeypatch, membership, files)
    (tmp_path / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable:  {6 * GIGABYTE // 1024} kB\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    assert memory.available_memory() == expected


def test_other_systems_have_no_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(tmp_path, monkeypatch, "", {})
    monkeypatch.setattr(cgroup, "_MEMBERSHIP", tmp_path / "none")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert (processor.core_count(), memory.available_memory()) == (8, None)
