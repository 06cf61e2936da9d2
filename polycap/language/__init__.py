"""One language's facts, and the folders that languages are found in."""

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
