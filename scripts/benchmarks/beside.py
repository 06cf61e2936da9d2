"""`scripts/bench beside`: captions by two processes side by side, against one process alone."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from polycap.machine.processor import core_count

__all__ = ["LEAST", "rows"]

LEAST = 0.9
"""Two processes together must reach this share of the speed of one."""
PROCESSES, WAIT_S = 2, 0.5


def rows(options: Options) -> list[dict[str, Any]]:
    """Caption for some seconds in one process, then in two at the same time; return one row.

    Each process loads its captioner before the clock starts, and captions until its seconds are over.
    """
    photos = _photos(options.photos_from)
    seconds = options.seconds
    with ExitStack() as stack:
        pools = [stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn"))) for _ in range(PROCESSES)]
        for pool in pools:
            pool.submit(_load, options.language, photos).result()
        alone = _rates(pools[:1], seconds)
        together = _rates(pools, seconds)
    ratio = sum(together) / sum(alone)
    row = {"bench": "beside", "alone": _short(sum(alone)), "together": _short(sum(together)), "unit": "photos/s"}
    row |= {"each": [_short(rate) for rate in together], "share_of_one": round(ratio, 3), "passes": ratio >= LEAST}
    return [row | {"processes": PROCESSES, "seconds": seconds, "cores": core_count()}]


def _rates(pools: Sequence[ProcessPoolExecutor], seconds: float) -> list[float]:
    start = time.time() + WAIT_S
    running = [pool.submit(_caption, start, seconds) for pool in pools]
    return [each.result() for each in running]


def _photos(place: Path | None) -> list[Path]:
    from polycap.photos.find import find_photos
    from polycap.photos.samples import sample_photos

    return find_photos(place).photos[:64] if place else [sample.path for sample in sample_photos()] * 16


_loaded: list[Any] = []  # of a process that captions: the captioner and its photos


def _load(language: str, photos: Sequence[Path]) -> None:
    import polycap

    _loaded[:] = [polycap.load(language, runtime="openvino"), list(photos)]
    _loaded[0](_loaded[1])


def _caption(start: float, seconds: float) -> float:
    """Caption from `start` on, for some seconds; return photos per second."""
    captioner, photos = _loaded
    time.sleep(max(0.0, start - time.time()))
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        captioner(photos)
        count += len(photos)
    return count / (time.perf_counter() - begun)


def _short(value: float) -> float:
    return float(f"{value:.3g}")
