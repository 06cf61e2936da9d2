"""Index of Argos Translate's packages: languages and Argos' codes of them.

Some of Argos' codes are its own (`pb` is Brazilian Portuguese, `zt` traditional Chinese), so languages are also found
by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.errors import DownloadError, LanguageError, reason_of
from polycap.files.strangers import parse_json
from polycap.translation.argos.settings import argos_setting

__all__ = ["ArgosPackage", "find_target", "index_source", "read_index"]

DEFAULT_INDEX = "https://raw.githubusercontent.com/argosopentech/argospm-index/main/"
INDEX_VARIABLE = "ARGOS_PACKAGE_INDEX"
"""Setting of Argos: URL of a folder with an index.json, ending in a slash."""

TIMEOUT_S = 10.0
"""Time without data before a download fails, seconds."""

SOURCE = "English"


@dataclass(frozen=True)
class ArgosPackage:
    """Package of the index.

    Attributes:
        from_code: Argos' code of the source language.
        from_name: English name of the source language.
        to_code: Argos' code of the target language.
        to_name: English name of the target language.
        version: version of the package.
        links: URLs of the package.
    """

    from_code: str
    from_name: str
    to_code: str
    to_name: str
    version: str
    links: tuple[str, ...]


def index_source() -> str:
    """Return the URL of Argos' index: by Argos' setting, or the public one."""
    return (argos_setting(INDEX_VARIABLE) or DEFAULT_INDEX) + "index.json"  # joined as Argos does


def read_index(source: str | Path | None = None) -> list[ArgosPackage]:
    """Read the packages of an index.

    Args:
        source: file or URL of the index. (default: `index_source()`)

    Raises:
        DownloadError: the index can't be read, or is no index.
        LanguageError: there is no such file.
    """
    where = str(source or index_source())
    text = _download(where) if where.startswith(("http://", "https://")) else _read_file(Path(where))
    try:
        return [_package(entry) for entry in parse_json(text)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DownloadError(f"{where}: is no index of Argos packages ({type(error).__name__}: {error})") from error


def find_target(packages: Sequence[ArgosPackage], code: str) -> ArgosPackage | None:
    """Return the package that translates English into a language; None without one.

    Packages with the language's name (`Portuguese (Brazil)`, `Chinese (traditional)`) have precedence over those with a
    code of the same language and script.

    Args:
        packages: packages of the index.
        code: BCP 47 code of the language.
    """
    import langcodes

    tag = langcodes.get(code)
    maximal = tag.maximize()
    with_script = langcodes.Language.make(maximal.language, script=maximal.script)
    from_english = [package for package in packages if package.from_name == SOURCE]
    for name in (tag.display_name().casefold(), with_script.display_name().casefold()):
        for package in from_english:
            if package.to_name.casefold() == name:
                return package
    for package in from_english:
        if not langcodes.tag_is_valid(package.to_code):
            continue
        other = langcodes.get(langcodes.standardize_tag(package.to_code)).maximize()
        if (other.language, other.script) == (maximal.language, maximal.script):
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

    from polycap.files.redirects import redirect_hooks

    try:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True, event_hooks=redirect_hooks(url)) as client:
            response = client.get(url).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:  # the last two: an invalid proxy
        raise DownloadError(f"{url}: can't be downloaded ({reason_of(error, named=True)})") from error
    return response.text


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise LanguageError(f"{path}: no such file; name Argos' index.json, or its URL") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DownloadError(f"{path}: can't be read ({error})") from error
