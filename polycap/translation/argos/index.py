"""The index of Argos Translate's packages: which languages it serves, and by which code of its own.

Argos names some languages in its own way (`pb` is Brazilian Portuguese, `zt` traditional Chinese), so a language is
found by its name where the code says nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.errors import DownloadError, LanguageError, reason_of
from polycap.translation.argos.settings import argos_setting

__all__ = ["ArgosPackage", "find_target", "index_source", "read_index"]

DEFAULT_INDEX = "https://raw.githubusercontent.com/argosopentech/argospm-index/main/"
INDEX_VARIABLE = "ARGOS_PACKAGE_INDEX"  # Argos' own setting: a folder of the web that has an index.json
TIMEOUT = 10.0  # seconds
SOURCE = "English"


@dataclass(frozen=True)
class ArgosPackage:
    """A package of the index: what it translates from and to, by Argos' codes and names."""

    from_code: str
    from_name: str
    to_code: str
    to_name: str
    version: str
    links: tuple[str, ...]


def index_source() -> str:
    """Where Argos' index is: what its own setting says, or the public one."""
    return (argos_setting(INDEX_VARIABLE) or DEFAULT_INDEX) + "index.json"  # put together as Argos does


def read_index(source: str | Path | None = None) -> list[ArgosPackage]:
    """The packages of an index.

    Args:
        source: a file, or a URL; by default `index_source`.

    Raises:
        DownloadError: the index can't be had, or is none.
    """
    where = str(source or index_source())
    text = _download(where) if where.startswith(("http://", "https://")) else _read(Path(where))
    try:
        return [_package(entry) for entry in json.loads(text)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DownloadError(f"{where}: is no index of Argos packages ({type(error).__name__}: {error})") from error


def find_target(packages: Sequence[ArgosPackage], code: str) -> ArgosPackage | None:
    """The package that translates English into the language `code`, a BCP 47 tag.

    A package is the language's if it has the language's name (`Portuguese (Brazil)`, `Chinese (traditional)`), or else
    a code of the same language and script.
    """
    import langcodes

    wanted = langcodes.get(code)
    whole = wanted.maximize()
    with_script = langcodes.Language.make(whole.language, script=whole.script)
    ours = [package for package in packages if package.from_name == SOURCE]
    for name in (wanted.display_name().casefold(), with_script.display_name().casefold()):
        for package in ours:
            if package.to_name.casefold() == name:
                return package
    for package in ours:
        if not langcodes.tag_is_valid(package.to_code):
            continue
        other = langcodes.get(langcodes.standardize_tag(package.to_code)).maximize()
        if (other.language, other.script) == (whole.language, whole.script):
            return package
    return None


def _package(entry: dict[str, Any]) -> ArgosPackage:
    return ArgosPackage(
        from_code=str(entry["from_code"]),
        from_name=str(entry["from_name"]),
        to_code=str(entry["to_code"]),
        to_name=str(entry["to_name"]),
        version=str(entry["package_version"]),
        links=tuple(map(str, entry["links"])),
    )


def _download(url: str) -> str:
    import httpx

    try:
        response = httpx.get(url, timeout=TIMEOUT, follow_redirects=True).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:  # the last two: a proxy of no use
        raise DownloadError(f"{url}: can't be had ({reason_of(error, named=True)})") from error
    return response.text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LanguageError(f"{path}: no such file; name Argos' index.json, or its URL") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DownloadError(f"{path}: can't be read ({error})") from error
