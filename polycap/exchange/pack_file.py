"""A pack file: all that a language's captions need, in one file that can be handed on. Data only, never code.

::

    manifest.json             format, language, encoder, and size and hash of every other file
    language.toml             the language's facts, for a polycap that lacks the language
    samples.toml              its samples, if it has some
    pack/card.json, CARD.md, decoder.safetensors, pca.safetensors, tokenizer.model

It is a zip archive without compression, which would win little of float16 numbers: the same pack gives the same bytes
on every machine. A language's `hooks.py` is code and stays out; the manifest has its hash, since text was normalised
with it.
"""

import json
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polycap.archive import ArchiveLimits, extract, open_archive, safe_files
from polycap.decoder.card import card_text
from polycap.decoder.card_file import CARD, CARD_TEXT, DECODER, PCA, TOKENIZER, FileEntry
from polycap.errors import PackError
from polycap.files import atomic_path, sha256_file
from polycap.language import Language

__all__ = [
    "MANIFEST",
    "MOST_BYTES",
    "Manifest",
    "PackFile",
    "hooks_hash",
    "read_manifest",
    "unpack_file",
    "write_pack_file",
]

MANIFEST = "manifest.json"
SUFFIX = ".polycap"
_SCHEMA = 1

_TEXT_BYTES = 1 << 20
_MOST = {
    MANIFEST: _TEXT_BYTES,
    "language.toml": _TEXT_BYTES,
    "samples.toml": _TEXT_BYTES,
    f"pack/{CARD}": _TEXT_BYTES,
    f"pack/{CARD_TEXT}": _TEXT_BYTES,
    f"pack/{DECODER}": 128 << 20,  # fourteen times the shipped packs'
    f"pack/{PCA}": 32 << 20,
    f"pack/{TOKENIZER}": 8 << 20,
}
"""The only files that a pack file may hold, with the most bytes of each."""
_NEEDED = {MANIFEST, "language.toml", *(f"pack/{name}" for name in (CARD, CARD_TEXT, DECODER, TOKENIZER))}
MOST_BYTES = sum(_MOST.values())
_LIMITS = ArchiveLimits(files=64, size=MOST_BYTES)  # a file too many is refused by its name
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first day that zip knows


class Manifest(BaseModel):
    """What a pack file says of itself, in `manifest.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: int = Field(alias="schema", default=_SCHEMA)
    # a folder will have this name
    language: str = Field(pattern="^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}$")
    encoder: str = Field(pattern=r"^[!-~]{1,64}$")
    hooks: str | None = Field(pattern="^[0-9a-f]{64}$")
    files: dict[str, FileEntry]


@dataclass(frozen=True)
class PackFile:
    """A pack file that was written: where, its size in bytes, its hash, and its manifest."""

    path: Path
    size: int
    sha256: str
    manifest: Manifest


def write_pack_file(
    language: Language, out: str | PathLike[str] | None = None, *, pack: str | PathLike[str] | None = None
) -> PackFile:
    """Write a language's pack, after checking it, as one file; the same pack gives the same bytes.

    Args:
        language: whose pack, and whose facts go with it.
        out: the file; `CODE.polycap` unless given.
        pack: a pack other than the one that the language is captioned with.

    Raises:
        PackError: there is no pack, it is broken, of another language, or too large to be installed.
    """
    from polycap.decoder.pack import load_pack

    out = Path(out or f"{language.code}{SUFFIX}")
    if out.is_dir():
        raise PackError(f"{out}: is a folder; name a file")
    folder = Path(pack or language.pack_folder)
    card = load_pack(folder).card
    if card.language != language.code:
        raise PackError(f"{folder}: is a pack of {card.language}, not of {language.code}; name its own language")
    contents = {name: _read(language.folder / name) for name in ("language.toml", "samples.toml")}
    contents |= {f"pack/{name}": _read(folder / name) for name in (CARD, *card.files)}
    contents[f"pack/{CARD_TEXT}"] = card_text(card).encode()
    written = {name: content for name, content in sorted(contents.items()) if content is not None}
    manifest = Manifest(
        language=language.code,
        encoder=card.encoder,
        hooks=hooks_hash(language.folder),
        files={name: FileEntry(size=len(b), sha256=sha256(b).hexdigest()) for name, b in written.items()},
    )
    head = json.dumps(manifest.model_dump(mode="json", by_alias=True), indent=2) + "\n"
    _write(out, {MANIFEST: head.encode(), **written})
    return PackFile(out, out.stat().st_size, sha256_file(out), manifest)


def hooks_hash(folder: Path) -> str | None:
    """The hash of a language folder's `hooks.py`, if it has one."""
    path = folder / "hooks.py"
    return sha256_file(path) if path.is_file() else None


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _write(out: Path, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        if len(content) > _MOST[name]:
            raise PackError(f"{out}: {name} would have {len(content):,} bytes; at most {_MOST[name]:,} are installed")
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on Windows
            archive.writestr(entry, content)


def read_manifest(path: Path) -> Manifest:
    """What a pack file says of itself, after checking what it holds by name and size, before anything is unpacked.

    Raises:
        PackError: it is no pack file, a part is missing or too large, or it holds something else.
    """
    with open_archive(path, PackError) as source:
        return _check_contents(path, source)[0]


def unpack_file(path: Path, folder: Path) -> Manifest:
    """Unpack a pack file as the language folder `folder`, which must not exist, and check every file's hash.

    Raises:
        PackError: as for `read_manifest`, or a file is not the one that the manifest names. What was written until
            then is left in `folder`.
    """
    with open_archive(path, PackError) as source:
        manifest, files = _check_contents(path, source)
        for name, entry in files.items():
            extract(source, entry, folder / name)
            if name != MANIFEST and sha256_file(folder / name) != manifest.files[name].sha256:
                raise PackError(f"{path}: {name} is not the file that its manifest names; get the file again")
    return manifest


def _check_contents(path: Path, source: zipfile.ZipFile) -> tuple[Manifest, dict[str, zipfile.ZipInfo]]:
    files = {entry.filename: entry for entry in safe_files(path, source, _LIMITS, PackError)}
    for name, entry in files.items():
        if name not in _MOST:
            raise PackError(f"{path}: holds {name!r}, which no pack file has; allowed: {', '.join(_MOST)}")
        if entry.file_size > _MOST[name]:
            raise PackError(f"{path}: {name} has {entry.file_size:,} bytes; at most {_MOST[name]:,} are allowed")
    missing = sorted(_NEEDED - files.keys())
    if missing:
        raise PackError(f"{path}: lacks {', '.join(missing)}, so it is no pack file; make one with `polycap pack`")
    manifest = _parse_manifest(path, source.read(files[MANIFEST]))
    sizes = {name: entry.file_size for name, entry in files.items() if name != MANIFEST}
    if sizes != {name: entry.size for name, entry in manifest.files.items()}:
        raise PackError(f"{path}: its files are not those that its manifest names; get the file again")
    return manifest, files


def _parse_manifest(path: Path, text: bytes) -> Manifest:
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PackError(f"{path}: {MANIFEST} is not JSON ({error}); get the file again") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != _SCHEMA:  # first: a later schema has keys that are unknown here
        raise PackError(f"{path}: schema {schema!r:.40}; this polycap reads {_SCHEMA}: update polycap")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = repr(".".join(map(str, first["loc"])))[1:-1]  # a stranger's key may hold what a terminal obeys
        raise PackError(f"{path}: {MANIFEST}:{where}: {first['msg']}; get the file again") from error
