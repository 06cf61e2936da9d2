"""Installation of pack files: checked as a whole, then moved into place in one step.

A pack is installed as `packs_folder() / code`, a language folder with two more files: the manifest, and
`installed.json` with the source. The registry finds it there. No file of a pack is ever executed.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from polycap.encoder.artefact import EncoderArtefact, open_encoder
from polycap.errors import PackError, PolycapError
from polycap.files import make_folder, packs_folder, read_json, sha256_file, write_json
from polycap.files.locks import wait_for_lock
from polycap.files.staging import replace_folder, staging_folder
from polycap.language import Language, Registry, read_language
from polycap.language.registry import INSTALLED
from polycap.pack.card import CARD_JSON, read_card
from polycap.pack.card_text import card_text
from polycap.pack.pack_file import CODE_PATTERN, MANIFEST_JSON, Manifest, hooks_hash, read_manifest, unpack_file
from polycap.pack.source import open_source, redacted

__all__ = ["InstalledPack", "install_pack", "uninstall_pack"]

INSTALLED_JSON = "installed.json"
_LOCK, _STAGING = ".lock", ".unfinished"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InstalledPack:
    """An installed pack.

    Attributes:
        code: code of the language.
        folder: folder of the installed pack.
        source: file name or address of the pack file.
        sha256: SHA-256 of the pack file, hexadecimal.
        changed: whether this call installed it; else it was installed before.
    """

    code: str
    folder: Path
    source: str
    sha256: str
    changed: bool

    def to_json(self) -> dict[str, Any]:
        """Return the object that `polycap install --json` prints."""
        return {**vars(self), "folder": str(self.folder)}


def install_pack(
    source: str | Path,
    *,
    sha256: str | None = None,
    force: bool = False,
    encoder: Path | None = None,
    progress: bool | None = None,
) -> InstalledPack:
    """Install a pack file, atomically, also after `kill -9`.

    The installed pack has precedence over the pack in the language's own folder, until it is uninstalled.

    Args:
        source: path, or http, https or file URL; or a language's code, for its pack in the index that
            `POLYCAP_PACK_INDEX` names. An unfinished download is resumed.
        sha256: expected hash of the file, hexadecimal. (default: that of the index, else not checked)
        force: whether to replace another installed pack of this language. (default: False)
        encoder: folder of the encoder's artefact. (default: `POLYCAP_ENCODER`, else the shipped one)
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Raises:
        PackError: the file is no pack file, is broken, is not safe to unpack or is for another encoder; its language
            needs hooks that are not installed; or another pack is installed.
        DownloadError: the file can't be downloaded.
    """
    source, expected, code = _look_up(str(source))
    if expected and sha256 and sha256.lower() != expected:
        raise PackError(f"{source}: `sha256` {sha256} is not that of the index, {expected}")
    with open_source(source, sha256 or expected, progress=progress) as (path, received):
        manifest = read_manifest(path)
        if code not in (None, manifest.language):
            raise PackError(f"{source}: is a pack of {manifest.language}; the index says {code}")
        folder = packs_folder() / manifest.language
        record = {"source": redacted(str(source)), "sha256": received}
        if _is_installed(folder, manifest, force=force):
            return InstalledPack(manifest.language, folder, **record, changed=False)
        artefact = open_encoder(encoder)
        _require_encoder(str(source), manifest, artefact)
        local = _local_language(manifest.language)
        _require_hooks(str(source), manifest, local)
        with _staging() as staging:
            if _is_installed(folder, manifest, force=force):  # another process has installed it meanwhile
                return InstalledPack(manifest.language, folder, **record, changed=False)
            new = staging / "new"
            if unpack_file(path, new) != manifest:
                raise PackError(f"{source}: has changed meanwhile; try again")
            language = _verify(new, manifest, artefact, str(source))
            write_json(new / INSTALLED_JSON, {**record, "installed": datetime.now(UTC).date().isoformat()})
            replace_folder(staging, new, folder)
    if local is not None:
        _log_differences(local, language, manifest)
    return InstalledPack(manifest.language, folder, **record, changed=True)


def _look_up(source: str) -> tuple[str, str | None, str | None]:
    """Return path or URL of a pack file; of a code also the hash in the index, and the code."""
    if not re.fullmatch(CODE_PATTERN, source) or Path(source).is_file():
        return source, None, None
    from polycap.pack.index import read_pack_index

    try:
        index = read_pack_index()
    except PackError as error:
        raise PackError(f"{source}: no such file, and as a language's code: {error}") from error
    pack = index.get(source)
    return index.source(pack), pack.sha256, pack.code


def uninstall_pack(code: str) -> Path:
    """Remove the installed pack of a language, and return the folder where it was.

    Raises:
        PackError: no pack of the language is installed.
    """
    folder = packs_folder()
    codes = sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
    if code not in codes:
        raise PackError(f"{code}: no pack is installed for it; installed: {', '.join(codes) or 'none'} ({folder})")
    with _staging() as staging:
        if not (folder / code).exists():
            raise PackError(f"{code}: another process has uninstalled it meanwhile")
        (folder / code).rename(staging / "new")
    return folder / code


@contextmanager
def _staging() -> Iterator[Path]:
    """Yield a staging folder beside the installed packs, and hold their lock."""
    folder = packs_folder()
    try:
        make_folder(folder)
        with wait_for_lock(folder / _LOCK), staging_folder(folder / _STAGING) as staging:
            yield staging
    except OSError as error:
        raise PackError(f"{folder}: can't be written ({error}); name another folder in POLYCAP_PACKS") from error


def _is_installed(folder: Path, manifest: Manifest, *, force: bool) -> bool:
    """Return whether a pack with this manifest is installed and intact.

    Raises:
        PackError: another pack is installed, and `force` is off.
    """
    if not folder.exists():
        return False
    try:
        installed = Manifest.model_validate(read_json(folder / MANIFEST_JSON, PackError))
    except (PackError, ValueError):
        installed = None
    if installed == manifest:
        return _is_intact(folder)
    if not force:
        raise PackError(
            f"{folder}: another pack of {manifest.language} is installed; give `force` to replace it, or "
            f"`polycap uninstall {manifest.language}`"
        )
    return False


def _is_intact(folder: Path) -> bool:
    """Return whether an installed pack's files match its card. Scores may have been recorded in the card since."""
    try:
        files = read_card(folder / "pack").files
        return all(sha256_file(folder / "pack" / name) == entry.sha256 for name, entry in files.items())
    except (PackError, OSError):
        return False


def _require_encoder(source: str, manifest: Manifest, encoder: EncoderArtefact) -> None:
    if manifest.encoder != encoder.identity:
        raise PackError(
            f"{source}: is of encoder {manifest.encoder}, but the encoder in use is {encoder.identity} "
            f"({encoder.folder}); get a pack for this one, or give the encoder that it was trained with (`encoder`)"
        )


def _local_language(code: str) -> Language | None:
    """Return the language without installed packs."""
    entries = Registry.discover().entries
    return next((entry.language for entry in entries if entry.code == code and entry.origin != INSTALLED), None)


def _require_hooks(source: str, manifest: Manifest, local: Language | None) -> None:
    """Check that the hooks of the language's text are installed, since a pack contains no code."""
    if manifest.hooks and (local is None or hooks_hash(local.folder) is None):
        raise PackError(
            f"{source}: the text of {manifest.language} is normalised by a hooks.py, and packs carry no code; first "
            f"install the plugin that has the language {manifest.language}, or name its folder in POLYCAP_LANGUAGES"
        )


def _verify(folder: Path, manifest: Manifest, encoder: EncoderArtefact, source: str) -> Language:
    """Return the language of an unpacked pack file, after loading all of its files.

    Raises:
        PackError: a file does not load, or does not match the others.
    """
    from polycap.encoder.identity import CELLS, CHANNELS
    from polycap.pack.pack import load_pack

    try:
        language, faults = read_language(folder, code=manifest.language)
        if language is None:
            raise PackError(" | ".join(map(str, faults)))
        pack = load_pack(language.own_pack_folder, encoder)
        pack.require_grid(CELLS, CHANNELS)
        _check_card(pack.card.language, manifest.language)
        try:
            card_text(pack.card)
        except Exception as error:  # an untrusted card may have scores of any shape
            raise PackError(f"card.json: broken scores ({type(error).__name__}: {error})") from error
    except PolycapError as error:
        reason = str(error).replace(f"{folder}/", "")
        raise PackError(f"{source}: {reason}; nothing was installed") from error
    return language


def _check_card(code: str, expected: str) -> None:
    if code != expected:
        raise PackError(f"card.json:language: is {code}, but the manifest says {expected}")


def _log_differences(local: Language, packed: Language, manifest: Manifest) -> None:
    """Log differences between the local language and the pack's that affect captions."""
    if local.text != packed.text or hooks_hash(local.folder) != manifest.hooks:
        logger.warning(
            "%s: the pack was trained on text that was normalised in another way than in %s; expect lower scores",
            *(local.code, local.folder),
        )
    if (local.own_pack_folder / CARD_JSON).is_file():
        logger.info("%s: is now captioned with the installed pack, not the one in %s", local.code, local.folder)
