"""Argos Translate's own settings, read as Argos reads them: environment, then its settings.json, then its default.

They are not asked of `argostranslate.settings`, since importing that makes three folders in the user's home.
"""

import json
import os
from pathlib import Path

from polycap.errors import PolycapError
from polycap.files import expand_home, path_variable

__all__ = ["argos_setting", "packages_folder"]

PACKAGES_VARIABLE = "ARGOS_PACKAGES_DIR"


def argos_setting(name: str) -> str | None:
    """What the user has set for Argos under this name, such as `ARGOS_PACKAGES_DIR`; None if nothing."""
    value = os.environ.get(name)
    if value is not None:
        return value
    try:
        settings = json.loads((_folder("XDG_CONFIG_HOME", ".config") / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, PolycapError):  # none, or no home folder
        return None
    found = settings.get(name) if isinstance(settings, dict) else None
    return None if found is None else str(found)


def packages_folder() -> Path:
    """Where Argos keeps its packages; it need not exist.

    Raises:
        PolycapError: the home folder is not known.
    """
    given = argos_setting(PACKAGES_VARIABLE)
    return expand_home(given) if given else _folder("XDG_DATA_HOME", ".local/share") / "packages"


def _folder(variable: str, default: str) -> Path:
    return (path_variable(variable) or expand_home(f"~/{default}")) / "argos-translate"
