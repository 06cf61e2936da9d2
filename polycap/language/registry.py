"""Registry of languages: built-in folders, entry points, folders on `POLYCAP_LANGUAGES`, and installed packs.

The folder of an installed pack (`polycap install`) is a language folder. Its pack is attached to the language of the
same code, if there is one, which keeps its facts and hooks; otherwise the folder is the language.

The list of languages is derived from the folders at each search. Only TOML is read. A broken folder is listed with its
faults and does not affect the others.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from polycap.errors import LanguageError, PolycapError
from polycap.files import expand_home, packs_folder
from polycap.language.folder import LanguageFault, read_language
from polycap.language.language import Language
from polycap.language.tags import nearest_code, same_language

__all__ = [
    "BUILT_IN",
    "INSTALLED",
    "LANGUAGES_VARIABLE",
    "LanguageEntry",
    "Registry",
    "available_languages",
    "get_language",
    "get_source",
    "one_search",
]

BUILT_IN = "built-in"
INSTALLED = "installed pack"
LANGUAGE_ENTRY_POINTS = "polycap.languages"
LANGUAGES_VARIABLE = "POLYCAP_LANGUAGES"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LanguageEntry:
    """Language folder: a language, or the folder's faults.

    Attributes:
        code: code of the language.
        folder: the folder.
        origin: `BUILT_IN`, `LANGUAGES_VARIABLE`, `INSTALLED`, or the entry point.
        language: the language; None if the folder is broken.
        faults: faults of the folder. (default: none)
    """

    code: str
    folder: Path
    origin: str
    language: Language | None
    faults: tuple[LanguageFault, ...] = ()

    @property
    def status(self) -> Literal["trained", "untrained", "broken"]:
        """Status: with a trained pack, without one, or broken."""
        return self.language.status if self.language else "broken"

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON-able values."""
        row: dict[str, Any] = dict.fromkeys(("name", "native_name", "script", "direction", "writing_mode"))
        if self.language:
            row = {key: getattr(self.language, key) for key in row} | {"direction": self.language.html_direction}
        installed = bool(self.language and self.language.installed_pack)
        return {"code": self.code, **row, "status": self.status, "installed": installed}


@dataclass(frozen=True)
class Registry:
    """All language folders, sorted by code.

    Attributes:
        entries: the folders.
        searched: descriptions of the places that were searched, for messages.
    """

    entries: tuple[LanguageEntry, ...]
    searched: tuple[str, ...]

    @classmethod
    def discover(cls) -> "Registry":
        """Search the built-in folders, the entry points, `POLYCAP_LANGUAGES` and the installed packs, in this order.

        Within `one_search` only the first call searches.
        """
        found = _found.get()
        if found:
            return found[0]
        searched: list[str] = []
        by_path: dict[tuple[Path, str], LanguageEntry] = {}  # by real path: two paths of one folder give one entry
        for entry in (*_built_in(searched), *_plugins(searched), *_users(searched), *_packs(searched)):
            by_path.setdefault((entry.folder.resolve(), entry.code), entry)
        registry = cls(tuple(_resolve_duplicates(_attach_packs(list(by_path.values())))), tuple(searched))
        if found is not None:
            found.append(registry)
        return registry

    @property
    def languages(self) -> tuple[Language, ...]:
        """Languages of the folders that are not broken."""
        return tuple(entry.language for entry in self.entries if entry.language)

    @property
    def default_languages(self) -> tuple[Language, ...]:
        """Default languages: trained languages whose folder names no translation engine; if none, all trained ones."""
        trained = tuple(language for language in self.languages if language.status == "trained")
        return tuple(language for language in trained if language.translation.engine == "none") or trained

    def get(self, code: str, *, writable: bool = False) -> Language:
        """Return the language of a code, or of another tag that means it: zh-CN is zh, deu is de, and pt is pt-BR.

        If a folder on `POLYCAP_LANGUAGES` is broken, the language of another folder is returned, with a warning.

        Args:
            code: code of the language, or a tag of the same language in the same script.
            writable: whether the caller will write into the folder: a broken folder of the user's is then an error.
                (default: False)

        Raises:
            LanguageError: no folder has the code, or its folder is broken.
        """
        entries = [entry for entry in self.entries if entry.code == code]
        if not entries and (meant := same_language(code, [entry.code for entry in self.entries])):
            return self.get(meant, writable=writable)
        language = next((entry.language for entry in entries if entry.language), None)
        broken = [str(fault) for entry in entries if entry.origin == LANGUAGES_VARIABLE for fault in entry.faults]
        if language and broken:
            message = (
                f"language {code}: a folder on {LANGUAGES_VARIABLE} is broken, {language.folder} is not: {broken[0]}"
            )
            if writable:
                raise LanguageError(f"{message}; mend the former, or take it off {LANGUAGES_VARIABLE}")
            logger.warning("%s", message)
        if language:
            return language
        if entries:
            faults = [str(fault) for entry in entries for fault in entry.faults]
            raise LanguageError(f"the folder of language {code!r} is broken: " + " | ".join(faults))
        raise LanguageError(self._unknown(code))

    def _unknown(self, code: str) -> str:
        """Return the message for a code that no folder has."""
        close = nearest_code(code, {each.code: (each.native_name, each.name) for each in self.languages})
        trained = [each.code for each in self.languages if each.status == "trained"]
        others = [each.code for each in self.languages if each.status != "trained"]
        return (
            f"unknown language {code!r}"
            + (f"; did you mean {close!r}?" if close else "")
            + f"; trained: {', '.join(trained) or 'none'}; not trained yet: {', '.join(others) or 'none'}"
            + f"; searched: {', '.join(self.searched)}"
            + f"; `polycap new {code}` makes a folder for it, to be put on {LANGUAGES_VARIABLE}"
        )


_found: "ContextVar[list[Registry] | None]" = ContextVar("polycap_registry", default=None)


@contextmanager
def one_search() -> Iterator[None]:
    """Let `Registry.discover` search once within this context, such as a command, and return the same registry."""
    token = _found.set([])
    try:
        yield
    finally:
        _found.reset(token)


def available_languages() -> list[LanguageEntry]:
    """Return all language folders, broken ones too, sorted by code."""
    return list(Registry.discover().entries)


def get_language(code: str, *, writable: bool = False) -> Language:
    """Return the language of a code; see `Registry.get`.

    Raises:
        LanguageError: no folder has the code (the message lists the codes), or its folder is broken.
    """
    return Registry.discover().get(code, writable=writable)


def get_source() -> Language:
    """Return the source language of translations: the first one with `engine = "none"`.

    Raises:
        LanguageError: no language has it.
    """
    for language in Registry.discover().languages:
        if language.translation.engine == "none":
            return language
    raise LanguageError('no language has [translation] engine = "none": there is no source language of translations')


def _built_in(searched: list[str]) -> Iterator[LanguageEntry]:
    """Yield the built-in folders: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "languages", package.parent / "languages"):
        if place.is_dir():
            searched.append(f"{place} ({BUILT_IN})")
            yield from _read_place(place, BUILT_IN)
            return
    searched.append(f"{package / 'languages'} ({BUILT_IN}: missing)")


def _plugins(searched: list[str]) -> Iterator[LanguageEntry]:
    """Yield the folders of installed packages that have an entry point."""
    searched.append(f"entry points {LANGUAGE_ENTRY_POINTS}")
    for point in sorted(entry_points(group=LANGUAGE_ENTRY_POINTS), key=lambda point: (point.name, point.value)):
        origin = f"entry point {point.name} = {point.value}"
        folder = _locate(point)
        if folder is None:
            fault = LanguageFault(origin, "no such folder", "a package with language.toml", "reinstall that package")
            yield LanguageEntry(point.name, Path(point.value), origin, None, (fault,))
        else:
            yield _read_entry(folder, origin, point.name)


def _users(searched: list[str]) -> Iterator[LanguageEntry]:
    """Yield the folders on `POLYCAP_LANGUAGES`: each is a language folder, or contains language folders."""
    for name in filter(None, os.environ.get(LANGUAGES_VARIABLE, "").split(os.pathsep)):
        try:
            place = Path(os.path.abspath(expand_home(name)))  # noqa: PTH100  # resolve() would change a link's name
        except PolycapError as error:
            logger.warning("%s: %s", LANGUAGES_VARIABLE, error)
            continue
        if not _is_folder(place):
            logger.warning("%s names %s, which is no folder; correct or remove it", LANGUAGES_VARIABLE, name)
            searched.append(f"{place} ({LANGUAGES_VARIABLE}: missing)")
            continue
        searched.append(f"{place} ({LANGUAGES_VARIABLE})")
        if (place / "language.toml").exists():
            yield _read_entry(place, LANGUAGES_VARIABLE, place.name)
        else:
            yield from _read_place(place, LANGUAGES_VARIABLE)


def _packs(searched: list[str]) -> Iterator[LanguageEntry]:
    """Yield the folders of installed packs."""
    try:
        place = packs_folder()
    except PolycapError as error:
        logger.debug("no installed packs: %s", error)
        return
    if _is_folder(place):
        searched.append(f"{place} ({INSTALLED}s)")
        yield from _read_place(place, INSTALLED)


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder. `Path.is_dir` raises an error if a parent can't be read."""
    return os.path.isdir(path)  # noqa: PTH112


def _attach_packs(entries: list[LanguageEntry]) -> list[LanguageEntry]:
    """Attach installed packs to languages that already have a folder, and drop the packs' own entries."""
    packs = {entry.code: entry.language for entry in entries if entry.origin == INSTALLED and entry.language}
    attached = {entry.code for entry in entries if entry.language and entry.origin != INSTALLED} & packs.keys()
    remaining = [entry for entry in entries if not (entry.origin == INSTALLED and entry.code in attached)]
    return [
        replace(entry, language=entry.language.with_pack(packs[entry.code].own_pack_folder))
        if entry.language and entry.code in packs
        else entry
        for entry in remaining
    ]


def _read_place(place: Path, origin: str) -> Iterator[LanguageEntry]:
    """Yield the language folders in `place`: folders with a file of a language."""
    try:
        folders = sorted(place.iterdir())
    except OSError as error:
        logger.warning("%s: can't be searched for languages (%s)", place, error.strerror)
        return
    for folder in folders:
        files = (folder / name for name in ("language.toml", "samples.toml", "hooks.py"))
        if not folder.name.startswith((".", "_")) and any(map(os.path.exists, files)):
            yield _read_entry(folder, origin, folder.name)


def _read_entry(folder: Path, origin: str, code: str) -> LanguageEntry:
    language, faults = read_language(folder, code=code, trusted=origin == BUILT_IN)
    return LanguageEntry(code, folder, origin, language, faults)


def _locate(point: EntryPoint) -> Path | None:
    """Return the folder with `language.toml` that an entry point names; None without one. Imports no module."""
    try:
        top, *rest = point.module.split(".")
        spec = find_spec(top)  # of a top-level name, which runs no code
    except (AttributeError, ImportError, ValueError):  # no name of a module, or no such module
        return None
    roots = list(spec.submodule_search_locations or ()) if spec else []
    for root in map(Path, roots):
        # the package, or the folder of the module
        for folder in (root.joinpath(*rest), root.joinpath(*rest[:-1])):
            if (folder / "language.toml").is_file():
                return folder
    return None


def _resolve_duplicates(entries: list[LanguageEntry]) -> list[LanguageEntry]:
    """Sort by code. A user's folder replaces the built-in one; other folders of one code are faults of each other."""
    resolved = []
    for entry in entries:
        rivals = [other for other in entries if other.code == entry.code and other.language and other is not entry]
        users = [other for other in rivals if other.origin == LANGUAGES_VARIABLE]
        if entry.language and entry.origin == BUILT_IN and users:
            logger.warning("language %s: %s takes the place of the built-in folder", entry.code, users[0].folder)
            continue
        rivals = [other for other in rivals if {entry.origin, other.origin} != {BUILT_IN, LANGUAGES_VARIABLE}]
        if entry.language and rivals:
            entry = _name_both(entry, rivals[0])
        resolved.append(entry)
    return sorted(resolved, key=lambda entry: entry.code)


def _name_both(entry: LanguageEntry, rival: LanguageEntry) -> LanguageEntry:
    """Return `entry` as broken, by a rival of the same code."""
    received = f"the language {entry.code} a second time, also in {rival.folder} ({rival.origin})"
    fault = LanguageFault(str(entry.folder), received, "one folder for a language", "remove or rename one of the two")
    return replace(entry, language=None, faults=(fault,))
