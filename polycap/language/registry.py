"""Which languages there are: built-in folders, installed packages, the user's own folders, and installed packs.

An installed pack (`polycap install`) lies in a folder that is a language folder itself. It lends its pack to the
language that is there already, whose facts and hooks stay its own; else it is the language.

The list is never written down: it is derived from the folders each time. Only TOML is read, and a broken
folder is listed with its faults beside the others.
"""

import difflib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from polycap.errors import LanguageError, PolycapError
from polycap.files import expand_home, packs_folder
from polycap.language.folder import LanguageFault, read_language
from polycap.language.language import Language

__all__ = [
    "BUILT_IN",
    "INSTALLED",
    "LANGUAGES_VARIABLE",
    "LanguageEntry",
    "Registry",
    "available_languages",
    "get_language",
    "get_source",
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
    origin: str  # BUILT_IN, VARIABLE, INSTALLED, or the entry point
    language: Language | None
    faults: tuple[LanguageFault, ...] = ()

    @property
    def status(self) -> Literal["trained", "untrained", "broken"]:
        """Whether the language has a trained pack, or its folder is broken."""
        return self.language.status if self.language else "broken"

    def to_json(self) -> dict[str, Any]:
        """The facts that `polycap languages --json` prints."""
        row: dict[str, Any] = dict.fromkeys(("name", "native_name", "script", "direction"))
        if self.language:
            row = {key: getattr(self.language, key) for key in row}
        installed = bool(self.language and self.language.installed_pack)
        return {"code": self.code, **row, "status": self.status, "installed": installed}


@dataclass(frozen=True)
class Registry:
    """Every language folder in reach, sorted by code, and where was searched."""

    entries: tuple[LanguageEntry, ...]
    searched: tuple[str, ...]

    @classmethod
    def discover(cls) -> "Registry":
        """Search the built-in folders, the entry points, `POLYCAP_LANGUAGES` and the installed packs, in this order."""
        searched: list[str] = []
        found: dict[tuple[Path, str], LanguageEntry] = {}  # by real path: a folder that is reached twice is one
        for entry in (*_built_in(searched), *_plugins(searched), *_users(searched), *_packs(searched)):
            found.setdefault((entry.folder.resolve(), entry.code), entry)
        return cls(tuple(_settle(_lend_packs(list(found.values())))), tuple(searched))

    @property
    def languages(self) -> tuple[Language, ...]:
        """Those that can be used."""
        return tuple(entry.language for entry in self.entries if entry.language)

    @property
    def default(self) -> tuple[Language, ...]:
        """What is meant where nobody says: the trained ones that are no translation, or else all that are trained."""
        trained = tuple(language for language in self.languages if language.status == "trained")
        return tuple(language for language in trained if language.translation.engine == "none") or trained

    def get(self, code: str, *, mine: bool = False) -> Language:
        """The language `code`.

        Args:
            code: of the language.
            mine: never another folder's in place of a broken one of the user's own, as is needed to write into it.

        Raises:
            LanguageError: there is none, or its folder is broken.
        """
        entries = [entry for entry in self.entries if entry.code == code]
        language = next((entry.language for entry in entries if entry.language), None)
        broken = [str(fault) for entry in entries if entry.origin == LANGUAGES_VARIABLE for fault in entry.faults]
        if language and broken:
            message = (
                f"language {code}: a folder on {LANGUAGES_VARIABLE} is broken, {language.folder} is not: {broken[0]}"
            )
            if mine:
                raise LanguageError(f"{message}; mend the former, or take it off {LANGUAGES_VARIABLE}")
            logger.warning("%s", message)
        if language:
            return language
        if entries:
            faults = [str(fault) for entry in entries for fault in entry.faults]
            raise LanguageError(f"the folder of language {code!r} is broken: " + " | ".join(faults))
        raise LanguageError(self._unknown(code))

    def _unknown(self, code: str) -> str:
        """What to say about a code that no folder has."""
        codes = [language.code for language in self.languages]
        close = self._closest(code)
        return (
            f"unknown language {code!r}"
            + (f"; did you mean {close!r}?" if close else "")
            + f"; available: {', '.join(codes) or 'none'}"
            + f"; searched: {', '.join(self.searched)}"
            + f"; `polycap new {code}` makes a folder for it, to be put on {LANGUAGES_VARIABLE}"
        )

    def _closest(self, code: str) -> str | None:
        """The available code that was probably meant, by code or by name."""
        spellings = {
            spelling.casefold(): language.code
            for language in self.languages
            for spelling in (language.native_name, language.name, language.code)
        }
        wanted = code.casefold().replace("_", "-")
        close = difflib.get_close_matches(wanted, spellings, n=1) or (
            difflib.get_close_matches(wanted.split("-")[0], spellings, n=1)
        )
        return spellings[close[0]] if close else None


def available_languages() -> list[LanguageEntry]:
    """Every language folder in reach, broken ones included, sorted by code."""
    return list(Registry.discover().entries)


def get_language(code: str, *, mine: bool = False) -> Language:
    """The language `code`; see `Registry.get`.

    Raises:
        LanguageError: there is none (the message lists those there are), or its folder is broken.
    """
    return Registry.discover().get(code, mine=mine)


def get_source() -> Language:
    """The language that captions are translated from: the first whose folder says that its own are not.

    Raises:
        LanguageError: there is none.
    """
    for language in Registry.discover().languages:
        if language.translation.engine == "none":
            return language
    raise LanguageError('no language has [translation] engine = "none": there is none to translate captions from')


def _built_in(searched: list[str]) -> Iterator[LanguageEntry]:
    """The folders that came with polycap: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "languages", package.parent / "languages"):
        if place.is_dir():
            searched.append(f"{place} ({BUILT_IN})")
            yield from _read_place(place, BUILT_IN)
            return
    searched.append(f"{package / 'languages'} ({BUILT_IN}: missing)")


def _plugins(searched: list[str]) -> Iterator[LanguageEntry]:
    """The folders of installed packages that name one as an entry point."""
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
    """The folders on `POLYCAP_LANGUAGES`: of languages, or a language themselves."""
    for name in filter(None, os.environ.get(LANGUAGES_VARIABLE, "").split(os.pathsep)):
        try:
            place = Path(os.path.abspath(expand_home(name)))  # noqa: PTH100  # a link keeps its own name
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
    """The folders that `polycap install` made."""
    try:
        place = packs_folder()
    except PolycapError as error:
        logger.debug("no installed packs: %s", error)
        return
    if _is_folder(place):
        searched.append(f"{place} ({INSTALLED}s)")
        yield from _read_place(place, INSTALLED)


def _is_folder(path: Path) -> bool:
    """Whether a folder is there to be seen: `Path.is_dir` raises where one above it can't be read."""
    return os.path.isdir(path)  # noqa: PTH112


def _lend_packs(entries: list[LanguageEntry]) -> list[LanguageEntry]:
    """Give installed packs to the languages that are there without them; those entries are then left out."""
    packs = {entry.code: entry.language for entry in entries if entry.origin == INSTALLED and entry.language}
    lent = {entry.code for entry in entries if entry.language and entry.origin != INSTALLED} & packs.keys()
    kept = [entry for entry in entries if not (entry.origin == INSTALLED and entry.code in lent)]
    return [
        replace(entry, language=entry.language.with_pack(packs[entry.code].own_pack_folder))
        if entry.language and entry.code in packs
        else entry
        for entry in kept
    ]


def _read_place(place: Path, origin: str) -> Iterator[LanguageEntry]:
    """The language folders in `place`: those that hold a file of a language."""
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
    """The folder with `language.toml` that an entry point names, found without importing anything."""
    try:
        top, *rest = point.module.split(".")
        spec = find_spec(top)  # a top-level name: nothing is run
    except (AttributeError, ImportError, ValueError):  # no module's name, or one that can't be found
        return None
    roots = list(spec.submodule_search_locations or ()) if spec else []
    for root in map(Path, roots):
        # the package itself, or the folder that a module lies in
        for folder in (root.joinpath(*rest), root.joinpath(*rest[:-1])):
            if (folder / "language.toml").is_file():
                return folder
    return None


def _settle(entries: list[LanguageEntry]) -> list[LanguageEntry]:
    """Sort by code; a user's folder takes a built-in one's place; other namesakes are each other's fault."""
    settled = []
    for entry in entries:
        rivals = [other for other in entries if other.code == entry.code and other.language and other is not entry]
        users = [other for other in rivals if other.origin == LANGUAGES_VARIABLE]
        if entry.language and entry.origin == BUILT_IN and users:
            logger.warning("language %s: %s takes the place of the built-in folder", entry.code, users[0].folder)
            continue
        rivals = [other for other in rivals if {entry.origin, other.origin} != {BUILT_IN, LANGUAGES_VARIABLE}]
        if entry.language and rivals:
            entry = _name_both(entry, rivals[0])
        settled.append(entry)
    return sorted(settled, key=lambda entry: entry.code)


def _name_both(entry: LanguageEntry, rival: LanguageEntry) -> LanguageEntry:
    """`entry`, broken by a rival that has the same code."""
    received = f"the language {entry.code} a second time, also in {rival.folder} ({rival.origin})"
    fault = LanguageFault(str(entry.folder), received, "one folder for a language", "remove or rename one of the two")
    return replace(entry, language=None, faults=(fault,))
