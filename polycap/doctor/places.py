"""Examination of folders, disks and memory."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from polycap.doctor.finding import Finding, fault, note, works
from polycap.errors import PolycapError
from polycap.files import cache_folder, packs_folder
from polycap.machine.memory import available_memory

__all__ = ["disks", "folders", "memory"]

MEMORY_MB = {"caption": 350, "train": 1050}
"""Memory that a stage takes, see `scripts/README.md`; translation and features take less than captions."""
GRAPHS_MB, FEATURES_MB = 300, 4600
"""Disk space of an encoder's graphs in the cache, and of features of 8,000 photos in a work folder."""


def folders() -> Iterator[Finding]:
    """Yield whether the folders of the cache, of installed packs and of temporary files can be written."""
    places: dict[str, tuple[Callable[[], Path], str]] = {
        "cache": (cache_folder, "POLYCAP_CACHE"),
        "packs": (packs_folder, "POLYCAP_PACKS"),
        "temporary": (lambda: Path(tempfile.gettempdir()), "TMPDIR"),
    }
    for name, (find, variable) in places.items():
        fix = f"name another folder in {variable}, or change its permissions"
        try:
            folder = find()
        except (PolycapError, OSError) as error:
            yield fault("folder", name, error, fix)
            continue
        existing = _existing(folder)
        if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
            yield fault("folder", name, f"{folder} can't be written", fix)
        elif existing != folder:
            yield note("folder", name, f"{folder} does not exist yet; it is made on first use")
        else:
            yield works("folder", name, folder)


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    return next(each for each in (folder, *folder.absolute().parents) if os.path.exists(each))  # noqa: PTH110


def disks() -> Iterator[Finding]:
    """Yield the free space of the cache, for graphs, and of the current folder, for features."""
    needs = {"cache": (cache_folder(), GRAPHS_MB, "the encoder's graphs")}
    needs["here"] = (Path.cwd(), FEATURES_MB, "features of 8,000 photos")
    for name, (folder, needed, what) in needs.items():
        free = shutil.disk_usage(_existing(folder)).free // 1_000_000
        detail = f"{free:,} MB free in {folder}; {what} take {needed:,} MB"
        if free >= needed:
            yield works("disk", name, detail)
        elif name == "cache":
            yield fault("disk", name, detail, "make room, or name a folder of another disk in POLYCAP_CACHE")
        else:
            yield note("disk", name, detail, "to make features, make room or work on another disk")


def memory() -> Iterator[Finding]:
    """Yield the memory that is available, and the commands that it is too little for."""
    available = available_memory()
    if available is None:
        yield note("memory", "available", "not known on this system")
        return
    megabytes = available // 1_000_000
    short = [f"{stage} takes {needed:,} MB" for stage, needed in MEMORY_MB.items() if megabytes < needed]
    detail, fix = f"{megabytes:,} MB; {', '.join(short)}", "end other programs, or raise the limit of the container"
    if megabytes < MEMORY_MB["caption"]:
        yield fault("memory", "available", detail, fix)
    elif short:
        yield note("memory", "available", detail, fix)
    else:
        yield works("memory", "available", f"{megabytes:,} MB; training takes {MEMORY_MB['train']:,} MB")
