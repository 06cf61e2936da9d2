"""Find a language by code, folder, folder of its pack, or pack file."""

import os
from pathlib import Path

from polycap.captioning.load import Loadable
from polycap.errors import LanguageError
from polycap.language import Language, Registry, load_language
from polycap.pack.card import CARD_JSON, read_card

__all__ = ["find_language", "is_path"]

_SUFFIX = ".polycap"


def find_language(language: Loadable, registry: Registry) -> tuple[Language, Path | None]:
    """Find a language and the folder of its pack; None for the language's own pack.

    Args:
        language: language, as for `polycap.load`.
        registry: registry of languages.

    Raises:
        LanguageError: an unknown code, a broken folder, or a path that is none of them.
        PackError: a broken pack file.
    """
    if isinstance(language, Language):
        return language, None
    if isinstance(language, str) and not is_path(language):
        return registry.get(language), None
    path = Path(language)
    if path.is_file():
        from polycap.pack.opened import open_pack_file

        return open_pack_file(path, registry)
    if (path / "language.toml").is_file():
        return load_language(path), None
    if (path / CARD_JSON).is_file():
        return registry.get(read_card(path).language), path
    kind = "a folder that holds neither language.toml nor card.json" if path.is_dir() else "no file or folder"
    raise LanguageError(f"{path}: is {kind}; give a language's folder, a pack's folder or a {_SUFFIX} file")


def is_path(text: str) -> bool:
    """Return whether a language is named by a path rather than by its code."""
    return text.endswith(_SUFFIX) or "/" in text or os.sep in text
