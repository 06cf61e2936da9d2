"""Progress bars on stderr: where the caller asks for them, and otherwise where stderr is a terminal."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

from polycap.errors import one_line

__all__ = ["print_above_bar", "progress_bar"]


def progress_bar(
    items: Iterable[Any] | None = None,
    *,
    show: bool | None = None,
    unit: str,
    description: str | None = None,
    total: int | None = None,
    done: int = 0,
    scale: bool = False,
) -> Any:
    """Return a `tqdm` bar.

    Args:
        items: what the bar iterates over; without it, the caller updates the bar.
        show: whether to draw it. (default: if stderr is a terminal)
        unit: of the count.
        description: the words before the bar.
        total: the count at the end; by default the number of items, if it is known.
        done: the count at the start, of a run that is resumed.
        scale: write large counts with k, M and G.
    """
    if not _has_stderr():
        show = False
    return tqdm(
        items,
        disable=None if show is None else not show,  # None: off where stderr is no terminal
        unit=unit,
        desc=description,
        total=total,
        initial=done,
        unit_scale=scale,
        file=sys.stderr,
    )


def print_above_bar(line: str) -> None:
    """Print a line on stderr, above a progress bar; nowhere if the process has no stderr."""
    if _has_stderr():  # tqdm would take stdout
        tqdm.write(one_line(line), file=sys.stderr)


def _has_stderr() -> bool:
    """Return whether stderr can be written: services and pythonw.exe have none."""
    return sys.stderr is not None and not sys.stderr.closed
