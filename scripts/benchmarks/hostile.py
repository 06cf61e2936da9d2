"""`scripts/bench hostile`: memory and time of decoding large photos, and small malicious files."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.hostile_files import HOSTILE, PHOTOS
from benchmarks.memory import peak_memory_mb
from benchmarks.options import Options
from benchmarks.sides import apart

__all__ = ["rows"]

SIDE = 299
MOST_GB = 12
"""Maximum address space of a decoding process: a file that takes more is an error in the table, and others go on."""


def rows(_: Options) -> list[dict[str, Any]]:
    """Decode each image; return rows of peak megabytes above the start, seconds of clock and CPU, and the outcome."""
    found = []
    with tempfile.TemporaryDirectory(prefix="polycap-hostile-") as folder:
        for name, make in (PHOTOS | HOSTILE).items():
            path = Path(folder, name.replace(" ", "-"))
            apart(make, path)
            row = apart(decode, path)
            size = path.stat().st_size
            found.append({"bench": "hostile", "image": name, "bytes": size, **row})
            print(f"{name}: {size:,} bytes, {row}", file=sys.stderr, flush=True)
            path.unlink()
    return found


def decode(path: Path) -> dict[str, Any]:
    """Decode one photo in a process that has decoded a small one before."""
    from PIL import Image

    from polycap.errors import PolycapError
    from polycap.photos.load import load_photo

    _limit()
    with tempfile.TemporaryDirectory() as folder:  # a first photo loads libraries, which are no part of its memory
        for suffix in ("jpg", "png", "webp", "tiff"):
            small = Path(folder, f"small.{suffix}")
            Image.new("RGB", (8, 8)).save(small)
            load_photo(small, SIDE)
    start, begun, cpu, outcome = peak_memory_mb(), time.perf_counter(), time.process_time(), "read"
    try:
        load_photo(path, SIDE)
    except PolycapError as error:
        outcome = str(error).replace(str(path), path.name)
    return {
        "memory_mb": peak_memory_mb() - start,
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "outcome": outcome,
    }


def _limit() -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_GB << 30, MOST_GB << 30))
