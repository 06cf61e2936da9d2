"""Progress bars: one look, on stderr, and none where stderr is no terminal."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

__all__ = ["progress_bar"]


def progress_bar(
    items: Iterable[Any] | None = None,
    *,
    show: bool = True,
    unit: str,
    description: str | None = None,
    total: int | None = None,
    done: int = 0,
    scale: bool = False,
) -> Any:
    """Return a `tqdm` bar.

    Args:
        items: what the bar iterates over; without it, the caller updates the bar.
        show: draw it, if stderr is a terminal.
        unit: of the count.
        description: the words before the bar.
        total: the count at the end; by default the number of items, if it is known.
        done: the count at the start, of a run that is resumed.
        scale: write large counts with k, M and G.
    """
    return tqdm(
        items,
        disable=None if show else True,  # None: off where stderr is no terminal
        unit=unit,
        desc=description,
        total=total,
        initial=done,
        unit_scale=scale,
        file=sys.stderr,
    )
