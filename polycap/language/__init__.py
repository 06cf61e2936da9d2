"""Languages: the facts of a language folder, and the registry of all folders."""

from polycap.language.folder import LanguageFault, load_language, read_language
from polycap.language.language import Language
from polycap.language.registry import Registry, available_languages, get_language

__all__ = [
    "Language",
    "LanguageFault",
    "Registry",
    "available_languages",
    "get_language",
    "load_language",
    "read_language",
]
