"""Builds of languages, in stages that are skipped if their inputs are unchanged, and the state of builds."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polycap.pipeline.arguments import BuildOptions
    from polycap.pipeline.build import Build, build_language
    from polycap.pipeline.several import build_languages
    from polycap.pipeline.status import LanguageStatus, language_status

__all__ = ["Build", "BuildOptions", "LanguageStatus", "build_language", "build_languages", "language_status"]

_HOMES = {
    "Build": "polycap.pipeline.build",
    "BuildOptions": "polycap.pipeline.arguments",
    "LanguageStatus": "polycap.pipeline.status",
    "build_language": "polycap.pipeline.build",
    "build_languages": "polycap.pipeline.several",
    "language_status": "polycap.pipeline.status",
}


if not TYPE_CHECKING:  # a type checker reads the imports above, and refuses other names

    def __getattr__(name):
        """Load a public name from its module, and keep it."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
        globals()[name] = value = getattr(import_module(_HOMES[name]), name)
        return value
