"""Installed packages of Argos Translate: list them, install them from a file or from Argos' index.

They are in Argos' folder, so that Argos and polycap share them. The folder is read without `argostranslate.package`,
whose import creates folders in the user's home, and which fails on all packages if one is broken. In a package that
polycap installed, `polycap.json` names the archive.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from polycap.errors import DownloadError, PolycapError, TranslationError
from polycap.files import cache_place, make_folder, read_json, sha256_file, write_json
from polycap.files.download import download
from polycap.files.locks import wait_for_lock
from polycap.files.staging import replace_folder, staging_folder
from polycap.translation.argos.archive import METADATA, TOKENIZERS, PackageFacts, read_facts, unpack, version_key
from polycap.translation.argos.index import ArgosPackage, index_source, read_index
from polycap.translation.argos.settings import PACKAGES_VARIABLE, packages_folder

__all__ = ["InstalledPackage", "install_file", "install_pair", "installed_packages", "read_package_index"]

PACKAGE_RECORD = "polycap.json"
# Argos reads every folder beside its packages. It fails without metadata, but skips an unknown type.
_STAGING = ".polycap-unfinished"
_NO_PACKAGE = {"type": "unfinished"}
_LOCK = ".polycap.lock"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InstalledPackage:
    """Installed package.

    Attributes:
        facts: languages and version.
        path: folder of the package.
        sha256: SHA-256 of the archive, hexadecimal. (default: "", installed by Argos)
    """

    facts: PackageFacts
    path: Path
    sha256: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """Argos' codes of source and target language."""
        return self.facts.source, self.facts.target


def installed_packages() -> list[InstalledPackage]:
    """Return the newest package of each pair, sorted by pair. Broken packages are skipped, with a warning."""
    newest: dict[tuple[str, str], InstalledPackage] = {}
    for path in _package_folders():
        try:
            package = _read_package(path)
        except TranslationError as error:
            logger.warning("%s", error)
            continue
        other = newest.get(package.pair)
        if other is None or version_key(other.facts.version) < version_key(package.facts.version):
            newest[package.pair] = package
    return [newest[pair] for pair in sorted(newest)]


def install_file(path: Path, pair: tuple[str, str] | None = None) -> InstalledPackage:
    """Install an `.argosmodel` file, atomically, also after `kill -9`.

    Args:
        path: the file.
        pair: codes that it has to translate from and into. (default: any)

    Raises:
        TranslationError: the file is no package, is of another pair, is not safe to unpack, or the folder can't be
            written.
    """
    return _install(path, link="", expected=pair)


def install_pair(source: str, target: str, *, progress: bool | None = None) -> InstalledPackage:
    """Return the installed package of a pair; if there is none, download it from Argos' index and install it.

    An unfinished download is resumed.

    Args:
        source: Argos' code of the source language.
        target: Argos' code of the target language.
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Raises:
        DownloadError: the index or the package can't be downloaded.
        TranslationError: the index has no such package, or the package is broken.
    """
    for installed in installed_packages():
        if installed.pair == (source, target):
            return installed
    package = _find(source, target)
    facts = PackageFacts(package.from_code, package.to_code, package.version)
    archive = cache_place("downloads") / f"{facts.folder}.argosmodel"
    link = _download(package, archive, progress)
    try:
        return _install(archive, link=link, expected=(source, target))
    finally:
        archive.unlink(missing_ok=True)  # installed or broken


def read_package_index() -> list[ArgosPackage]:
    """Read Argos' index; return the packages with valid codes and versions.

    Raises:
        DownloadError: the index can't be downloaded; the message has the fix.
    """
    try:
        packages = read_index()
    except PolycapError as error:
        raise DownloadError(
            f"{error}; check the connection, or ARGOS_PACKAGE_INDEX; `package` FILE.argosmodel installs a file"
        ) from error
    return [package for package in packages if _is_valid(package)]


def _package_folders() -> list[Path]:
    try:
        folder = packages_folder()
    except PolycapError:  # without a home folder there are no packages
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TranslationError(
            f"{folder}: Argos' folder of packages can't be read ({error.strerror}); set {PACKAGES_VARIABLE} to a folder"
        ) from error


def _read_package(path: Path) -> InstalledPackage:
    metadata = path / METADATA
    try:
        facts = read_facts(metadata.read_bytes(), str(metadata))
    except OSError as error:
        raise TranslationError(f"{metadata}: can't be read ({error.strerror}); delete that folder") from error
    if not (path / "model").is_dir() or not any((path / name).is_file() for name in TOKENIZERS):
        raise TranslationError(f"{path}: this Argos package lacks its model; delete the folder and install it again")
    record = read_json(path / PACKAGE_RECORD, TranslationError) if (path / PACKAGE_RECORD).is_file() else {}
    return InstalledPackage(facts, path, str(record.get("sha256", "")))


def _is_valid(package: ArgosPackage) -> bool:
    """Return whether codes and version are valid, and safe in a file's name."""
    try:
        values = {"from_code": package.from_code, "to_code": package.to_code, "package_version": package.version}
        read_facts(json.dumps(values), "")
    except TranslationError:
        return False
    return True


def _find(source: str, target: str) -> ArgosPackage:
    index = read_package_index()
    matching = [package for package in index if (package.from_code, package.to_code) == (source, target)]
    if not matching:
        targets = sorted({package.to_code for package in index if package.from_code == source})
        raise TranslationError(
            f"{index_source()}: has no Argos package {source}→{target}; from {source} it has "
            f"{', '.join(targets) or 'none'}; install a file with `package` FILE.argosmodel"
        )
    return max(matching, key=lambda package: version_key(package.version))


def _download(package: ArgosPackage, archive: Path, progress: bool | None) -> str:
    """Download a package from the first link that works; return the link."""
    reasons = []
    for link in package.links:
        if link.startswith(("http://", "https://")):  # the index also has ipfs links
            try:
                download(link, archive, progress=progress)
            except DownloadError as error:
                reasons.append(str(error))
            else:
                return link
    raise DownloadError(
        "; ".join(reasons or [f"{index_source()}: has no link to {package.from_code}→{package.to_code}"])
        + "; or install a file with `package` FILE.argosmodel"
    )


def _install(archive: Path, *, link: str, expected: tuple[str, str] | None) -> InstalledPackage:
    try:
        folder = make_folder(packages_folder())
        with wait_for_lock(folder / _LOCK), staging_folder(folder / _STAGING, (METADATA, _NO_PACKAGE)) as prepared:
            facts = unpack(archive, prepared / "new")
            if expected not in (None, (facts.source, facts.target)):
                raise TranslationError(
                    f"{link}: holds {facts.identity}, not the package of the index; report this to Argos"
                )
            record = {"package": facts.identity, "archive": archive.name, "sha256": sha256_file(archive), "link": link}
            write_json(prepared / "new" / PACKAGE_RECORD, record)
            final = folder / facts.folder
            replace_folder(prepared, prepared / "new", final)
    except OSError as error:
        raise TranslationError(f"{folder}: can't be written ({error}); set {PACKAGES_VARIABLE} to another") from error
    except TranslationError:
        raise
    except PolycapError as error:  # of the folder
        raise TranslationError(f"{error}; {PACKAGES_VARIABLE} names it") from error
    _warn_if_older(facts)
    return _read_package(final)


def _warn_if_older(facts: PackageFacts) -> None:
    """Log a warning if a newer package of the pair is installed."""
    for package in installed_packages():
        if package.pair == (facts.source, facts.target) and package.facts.version != facts.version:
            logger.warning(
                "%s is installed, too, and is newer; delete %s to use the older one",
                package.facts.identity,
                package.path,
            )
