"""Pack files installed: verified as a whole, then put in place in one step.

Each lies in a folder of its code in `packs_folder()`, which is a language folder with two files more: the manifest,
and `installed.json`, which says where it came from. The registry finds it there. Nothing of it is ever executed.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from polycap.encoder.identity import expected_identity
from polycap.errors import PackError, PolycapError
from polycap.files import make_folder, packs_folder, read_json, sha256_file, write_json
from polycap.files.locks import waiting
from polycap.files.staging import replace_folder, staging_folder
from polycap.language import Language, Registry, read_language
from polycap.language.registry import INSTALLED
from polycap.pack.card import CARD, read_card
from polycap.pack.card_text import card_text
from polycap.pack.pack_file import MANIFEST_JSON, Manifest, hooks_hash, read_manifest, unpack_file
from polycap.pack.source import open_source, redacted

__all__ = ["InstalledPack", "install_pack", "uninstall_pack"]

INSTALLED_JSON = "installed.json"
_LOCK, _STAGING = ".lock", ".unfinished"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InstalledPack:
    """A pack that is installed.

    Attributes:
        code: its language.
        folder: where it lies.
        source: where it came from.
        sha256: of the file it came in.
        changed: whether this call put it there; else it was there before.
    """

    code: str
    folder: Path
    source: str
    sha256: str
    changed: bool

    def to_json(self) -> dict[str, Any]:
        """The object that `polycap install --json` prints."""
        return {**vars(self), "folder": str(self.folder)}


def install_pack(
    source: str | Path,
    *,
    sha256: str | None = None,
    force: bool = False,
    weights: Path | None = None,
    progress: bool = True,
) -> InstalledPack:
    """Install a pack file: the whole pack at once or nothing of it, also after `kill -9`.

    It goes before the pack of the language's own folder, until it is uninstalled.

    Args:
        source: a path, or an http, https or file URL. A download that was killed goes on where it stopped.
        sha256: the file's expected hash, in hexadecimal.
        force: replace another pack that was installed for this language.
        weights: the encoder's, if they are not where `find_weights` looks.
        progress: draw a bar on stderr, when that is a terminal.

    Raises:
        PackError: the file is no pack file, is broken, is not safe to unpack or is for another encoder; its language
            needs hooks that are not there; or another pack is installed.
        DownloadError: it can't be downloaded.
    """
    with open_source(str(source), sha256, progress=progress) as path:
        manifest = read_manifest(path)
        folder = packs_folder() / manifest.language
        record = {"source": redacted(str(source)), "sha256": sha256_file(path)}
        found = InstalledPack(manifest.language, folder, **record, changed=False)
        if _is_there(folder, manifest, force=force):
            return found
        _require_encoder(str(source), manifest, weights)
        local = _local_language(manifest.language)
        _require_hooks(str(source), manifest, local)
        with _prepared() as prepared:
            new = prepared / "new"
            if unpack_file(path, new) != manifest:
                raise PackError(f"{source}: has changed meanwhile; try again")
            language = _verify(new, manifest, str(source))
            write_json(new / INSTALLED_JSON, {**record, "installed": datetime.now(UTC).date().isoformat()})
            replace_folder(prepared, new, folder)
    if local is not None:
        _tell_differences(local, language, manifest)
    return InstalledPack(manifest.language, folder, **record, changed=True)


def uninstall_pack(code: str) -> Path:
    """Remove the pack that is installed for a language, and return the folder where it was.

    Raises:
        PackError: none is.
    """
    place = packs_folder()
    there = sorted(path.name for path in place.iterdir() if path.name[0] != ".") if place.is_dir() else []
    if code not in there:
        raise PackError(f"{code}: no pack is installed for it; installed: {', '.join(there) or 'none'} ({place})")
    with _prepared() as prepared:
        (place / code).rename(prepared / "new")
    return place / code


@contextmanager
def _prepared() -> Iterator[Path]:
    """A folder beside the installed packs, with the lock of all of them."""
    place = packs_folder()
    try:
        make_folder(place)
        with waiting(place / _LOCK), staging_folder(place / _STAGING) as prepared:
            yield prepared
    except OSError as error:
        raise PackError(f"{place}: can't be written ({error}); name another folder in POLYCAP_PACKS") from error


def _is_there(folder: Path, manifest: Manifest, *, force: bool) -> bool:
    """Whether this very pack is installed and whole.

    Raises:
        PackError: another is, and `force` is off.
    """
    if not folder.exists():
        return False
    try:
        before = Manifest.model_validate(read_json(folder / MANIFEST_JSON, PackError))
    except (PackError, ValueError):
        before = None
    if before == manifest:
        return _is_whole(folder)
    if not force:
        raise PackError(
            f"{folder}: another pack of {manifest.language} is installed; give --force to replace it, or "
            f"`polycap uninstall {manifest.language}`"
        )
    return False


def _is_whole(folder: Path) -> bool:
    """Whether an installed pack's files are those of its card; the card itself may have got scores since."""
    try:
        files = read_card(folder / "pack").files
        return all(sha256_file(folder / "pack" / name) == entry.sha256 for name, entry in files.items())
    except (PackError, OSError):
        return False


def _require_encoder(source: str, manifest: Manifest, weights: Path | None) -> None:
    identity = expected_identity(weights)
    if manifest.encoder not in identity:
        raise PackError(
            f"{source}: was trained for encoder {manifest.encoder}, but the encoder here is {identity.whole}; get a "
            "pack for this one, or give the weights that it was trained with (--encoder-weights)"
        )


def _local_language(code: str) -> Language | None:
    """The language as it is here without installed packs."""
    entries = Registry.discover().entries
    return next((entry.language for entry in entries if entry.code == code and entry.origin != INSTALLED), None)


def _require_hooks(source: str, manifest: Manifest, local: Language | None) -> None:
    """A pack carries no code: what its language's text is normalised with must be here."""
    if manifest.hooks and (local is None or hooks_hash(local.folder) is None):
        raise PackError(
            f"{source}: the text of {manifest.language} is normalised by a hooks.py, and packs carry no code; first "
            f"install the plugin that has the language {manifest.language}, or name its folder in POLYCAP_LANGUAGES"
        )


def _verify(folder: Path, manifest: Manifest, source: str) -> Language:
    """The language in an unpacked pack file, after all has been loaded once.

    Raises:
        PackError: something does not load, or does not fit the rest.
    """
    from polycap.encoder.identity import CELLS, CHANNELS
    from polycap.pack.pack import load_pack

    try:
        language, faults = read_language(folder, code=manifest.language)
        if language is None:
            raise PackError(" | ".join(map(str, faults)))
        pack = load_pack(language.own_pack_folder)
        pack.require_encoder([manifest.encoder])
        pack.require_grid(CELLS, CHANNELS)
        _check_card(pack.card.language, manifest.language)
        try:
            card_text(pack.card)  # later scores are entered in it
        except Exception as error:  # a stranger's card may hold anything
            raise PackError(f"card.json: scores that are none ({type(error).__name__}: {error})") from error
    except PolycapError as error:
        reason = str(error).replace(f"{folder}/", "")
        raise PackError(f"{source}: {reason}; nothing was installed") from error
    return language


def _check_card(found: str, expected: str) -> None:
    if found != expected:
        raise PackError(f"card.json:language: is {found}, but the file is one of {expected}")


def _tell_differences(local: Language, packed: Language, manifest: Manifest) -> None:
    """Say what of the language here goes before the pack's, where that may show in captions."""
    if local.text != packed.text or hooks_hash(local.folder) != manifest.hooks:
        logger.warning(
            "%s: the pack was trained on text that was normalised in another way than %s does; expect lower scores",
            *(local.code, local.folder),
        )
    if (local.own_pack_folder / CARD).is_file():
        logger.info("%s: is now captioned with the installed pack, not the one in %s", local.code, local.folder)
