"""Silence of Pillow's warnings while photos are decoded, whatever the caller's filters are."""

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["quiet_pillow"]

_FILTER = ("ignore", None, Warning, re.compile(r"(PIL|pillow_heif|pillow_jxl)\."), 0)
_lock = threading.Lock()
_users = 0
_changed: list[list[Any]] = []
"""Lists of filters that contain `_FILTER`: `warnings.catch_warnings` makes others."""


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Ignore warnings of Pillow: of odd metadata, and of decompression bombs, which are rejected by polycap's limits.

    Photos are decoded in threads, and overlapping calls of `warnings.catch_warnings` restore the wrong filters. So the
    filter is in the list while any thread decodes, and is taken out of it, and of no other, at the end. The caches of
    `warnings` are left alone, in which a caller's warning that is shown once is recorded.
    """
    global _users
    with _lock:
        _users += 1
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        if not filters or filters[0] is not _FILTER:
            filters.insert(0, _FILTER)
            _changed.append(filters)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                for filters in _changed:
                    filters[:] = [item for item in filters if item is not _FILTER]
                _changed.clear()
