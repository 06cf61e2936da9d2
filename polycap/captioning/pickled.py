"""Pickling of captioners, by how they were loaded: for joblib, Spark and `datasets.map`."""

import pickle
from collections.abc import Callable, Mapping
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

from polycap.captioning.find import is_path
from polycap.errors import PolycapError

__all__ = ["reduce_by_loading"]


def reduce_by_loading(name: str, arguments: Mapping[str, Any] | None) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
    """Return what `__reduce__` returns: in another process the captioner is loaded, once for all its copies.

    Args:
        name: name of the captioner in messages.
        arguments: arguments of `polycap.load`; None if it was not loaded by it.

    Raises:
        PolycapError: it was not loaded by `polycap.load`, or from an open encoder or runtime.
    """
    if arguments is None:
        raise PolycapError(f"{name}: can't be pickled, since it was not loaded by polycap.load")
    for key in ("encoder", "runtime"):
        if not isinstance(arguments[key], str | PathLike | None):
            raise PolycapError(f"{name}: can't be pickled, since its {key} is an object; load it by `{key}`'s name")
    return _load_again, (pickle.dumps({key: _everywhere(key, value) for key, value in arguments.items()}),)


def _everywhere(key: str, value: Any) -> Any:
    """Return an argument of `polycap.load` that means the same in another current folder."""
    if key == "language" and isinstance(value, list | tuple):
        return [_everywhere(key, item) for item in value]
    is_named = isinstance(value, str) and key in ("language", "pack", "encoder")
    if isinstance(value, PathLike) or (is_named and (key != "language" or is_path(value))):
        return Path(value).absolute()
    return value


@lru_cache(maxsize=4)
def _load_again(arguments: bytes) -> Any:
    from polycap.captioning.load import load

    return load(**pickle.loads(arguments))
