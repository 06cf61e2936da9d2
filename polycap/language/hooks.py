"""`hooks.py` of a language's folder, loaded by path on first use."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from polycap.errors import LanguageError, reason_of

__all__ = ["cached_hook", "forget_hooks", "load_hook"]


@lru_cache(maxsize=256)
def cached_hook(folder: Path) -> Callable[[str], str] | None:
    return load_hook(folder)


def forget_hooks() -> None:
    """Load each folder's `hooks.py` again when it is next needed."""
    cached_hook.cache_clear()


def load_hook(folder: Path) -> Callable[[str], str] | None:
    """The `normalize` of a folder's `hooks.py`, its failures made LanguageErrors; None without the file.

    Raises:
        LanguageError: the file can't be loaded, or has no such function.
    """
    path = folder / "hooks.py"
    if not path.is_file():
        return None
    module = ModuleType(f"polycap_hooks_{folder.name}")
    module.__file__ = str(path)
    try:  # run from source rather than imported: leaves no __pycache__ in a folder that is not ours
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # whatever the folder's author wrote
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
