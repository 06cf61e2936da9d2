"""Hooks of a language: `hooks.py` of its folder, loaded by path on first use."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from polycap.errors import LanguageError, reason_of

__all__ = ["cached_hook", "forget_hooks", "load_hook"]


@lru_cache(maxsize=256)
def cached_hook(folder: Path) -> Callable[[str], str] | None:
    """Return `load_hook(folder)`, loaded once."""
    return load_hook(folder)


def forget_hooks() -> None:
    """Clear the cache, so that each `hooks.py` is loaded again when it is next used."""
    cached_hook.cache_clear()


def load_hook(folder: Path) -> Callable[[str], str] | None:
    """Return the function `normalize` of a folder's `hooks.py`; None without the file.

    The returned function raises a LanguageError if the hook fails or returns no text.

    Raises:
        LanguageError: the file can't be loaded, or has no function `normalize`.
    """
    path = folder / "hooks.py"
    if not path.is_file():
        return None
    module = ModuleType(f"polycap_hooks_{folder.name}")
    module.__file__ = str(path)
    try:  # executed from source, since an import would leave a __pycache__ in the user's folder
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # the author's code may raise anything
        raise LanguageError(f"{path}: can't be loaded ({reason_of(error, named=True)})") from error
    hook = getattr(module, "normalize", None)
    if not callable(hook):
        raise LanguageError(f"{path}: has no function normalize(text); write one, or remove the file")

    def normalize(text: str) -> str:
        try:
            result = hook(text)
        except (Exception, SystemExit) as error:
            raise LanguageError(f"{path}: normalize({text!r}) failed ({reason_of(error, named=True)})") from error
        if not isinstance(result, str):
            raise LanguageError(f"{path}: normalize(text) returned a {type(result).__name__}; it must return a str")
        return result

    return normalize
