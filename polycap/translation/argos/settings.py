"""Settings of Argos Translate: environment, then its settings.json, then the default, as in Argos.

`argostranslate.settings` is not used, since its import creates three folders in the user's home.
"""

import os
from pathlib import Path

from polycap.errors import PolycapError
from polycap.files import expand_home, parse_json, path_variable

__all__ = ["argos_setting", "packages_folder"]

PACKAGES_VARIABLE = "ARGOS_PACKAGES_DIR"


def argos_setting(name: str) -> str | None:
    """Return the user's setting for Argos of this name, such as `ARGOS_PACKAGES_DIR`; None if it is not set."""
    value = os.environ.get(name)
    if value is not None:
        return value
    try:
        settings = parse_json((_folder("XDG_CONFIG_HOME", ".config") / "settings.json").read_bytes())
    except (OSError, ValueError, PolycapError):  # no file, or no home folder
        return None
    setting = settings.get(name) if isinstance(settings, dict) else None
    return None if setting is None else str(setting)


def packages_folder() -> Path:
    """Return Argos' folder of packages, which may not exist.

    Raises:
        PolycapError: the home folder is not known.
    """
    folder = argos_setting(PACKAGES_VARIABLE)
    return expand_home(folder) if folder else _folder("XDG_DATA_HOME", ".local/share") / "packages"


def _folder(variable: str, default: str) -> Path:
    return (path_variable(variable) or expand_home(f"~/{default}")) / "argos-translate"
