"""A pack file: a language's pack and facts in one file for distribution. Data only, no code.

::

    manifest.json             format, language, encoder, and size and hash of every other file
    language.toml             the language's facts, for an installation without the language
    samples.toml              the language's samples, if there are some
    pack/card.json, CARD.md, decoder.safetensors, tokenizer.model

It is a zip archive without compression, which would save little on rounded numbers: so the same pack gives the same
bytes on every machine. A language's `hooks.py` is code and is left out; the manifest contains its hash, since it
decides the normalisation of the text.
"""

import json
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polycap.encoder.artefact import open_encoder
from polycap.errors import PackError
from polycap.files import atomic_path, make_folder, parse_json, sha256_file
from polycap.files.archive import ArchiveLimits, extract, open_archive, safe_files
from polycap.language import Language
from polycap.pack.card import CARD_JSON, CARD_MD, DECODER, TOKENIZER, FileEntry
from polycap.pack.card_text import card_text

__all__ = [
    "CODE_PATTERN",
    "MANIFEST_JSON",
    "MOST_BYTES",
    "SUFFIX",
    "Manifest",
    "PackFile",
    "hooks_hash",
    "read_manifest",
    "unpack_file",
    "write_pack_file",
]

MANIFEST_JSON = "manifest.json"
SUFFIX = ".polycap"
CODE_PATTERN = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}$"
_SCHEMA = 2

_TEXT_BYTES = 1 << 20
_MOST = {
    MANIFEST_JSON: _TEXT_BYTES,
    "language.toml": _TEXT_BYTES,
    "samples.toml": _TEXT_BYTES,
    f"pack/{CARD_JSON}": _TEXT_BYTES,
    f"pack/{CARD_MD}": _TEXT_BYTES,
    f"pack/{DECODER}": 64 << 20,  # twenty times the shipped packs'
    f"pack/{TOKENIZER}": 8 << 20,
}
"""Files that a pack file may contain, with the maximum size of each, bytes."""
_NEEDED = {MANIFEST_JSON, "language.toml", *(f"pack/{name}" for name in (CARD_JSON, CARD_MD, DECODER, TOKENIZER))}
MOST_BYTES = sum(_MOST.values())
_LIMITS = ArchiveLimits(files=64, size=MOST_BYTES)  # further files are rejected by name
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date of zip


class Manifest(BaseModel):
    """Manifest of a pack file, `manifest.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schema_version: int = Field(alias="schema", default=_SCHEMA)
    # Restricted, since the installed folder has this name.
    language: str = Field(pattern=CODE_PATTERN)
    encoder: str = Field(pattern=r"^[!-~]{1,64}$")
    hooks: str | None = Field(pattern="^[0-9a-f]{64}$")
    files: dict[str, FileEntry]


@dataclass(frozen=True)
class PackFile:
    """A written pack file.

    Attributes:
        path: the file.
        size: bytes of the file.
        sha256: hash of the file, in hexadecimal.
        manifest: the file's own description of its contents.
    """

    path: Path
    size: int
    sha256: str
    manifest: Manifest


def write_pack_file(
    language: Language,
    out: str | PathLike[str] | None = None,
    *,
    pack: str | PathLike[str] | None = None,
    encoder: str | PathLike[str] | None = None,
) -> PackFile:
    """Check a language's pack and write it as one file; the same pack gives the same bytes.

    Args:
        language: language of the pack.
        out: file to write; its folder is created. (default: CODE.polycap)
        pack: folder of another pack of the language. (default: the language's pack)
        encoder: folder of the encoder's artefact. (default: `POLYCAP_ENCODER`, else the shipped one)

    Raises:
        PackError: there is no pack, or it is broken, of another language, or too large to be installed.
    """
    from polycap.pack.pack import load_pack

    out = Path(out or f"{language.code}{SUFFIX}")
    if out.is_dir():
        raise PackError(f"{out}: is a folder; name a file")
    folder = Path(pack or language.pack_folder)
    card = load_pack(folder, open_encoder(Path(encoder) if encoder else None)).card
    if card.language != language.code:
        raise PackError(f"{folder}: is a pack of {card.language}, not of {language.code}; name its own language")
    contents = {name: _read_optional(language.folder / name) for name in ("language.toml", "samples.toml")}
    contents |= {f"pack/{name}": _read_optional(folder / name) for name in (CARD_JSON, *card.files)}
    contents[f"pack/{CARD_MD}"] = card_text(card).encode()
    existing = {name: content for name, content in sorted(contents.items()) if content is not None}
    manifest = Manifest(
        language=language.code,
        encoder=card.encoder,
        hooks=hooks_hash(language.folder),
        files={
            name: FileEntry(size=len(content), sha256=sha256(content).hexdigest()) for name, content in existing.items()
        },
    )
    manifest_text = json.dumps(manifest.model_dump(mode="json", by_alias=True), indent=2) + "\n"
    make_folder(out.parent)
    _write(out, {MANIFEST_JSON: manifest_text.encode(), **existing})
    return PackFile(out, out.stat().st_size, sha256_file(out), manifest)


def hooks_hash(folder: Path) -> str | None:
    """Return the SHA-256 of a language folder's `hooks.py`; None without one."""
    path = folder / "hooks.py"
    return sha256_file(path) if path.is_file() else None


def _read_optional(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _write(out: Path, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        if len(content) > _MOST[name]:
            raise PackError(f"{out}: {name} would have {len(content):,} bytes; at most {_MOST[name]:,} are installed")
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # fixed: the defaults differ on Windows
            archive.writestr(entry, content)


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a pack file, after checking the names and sizes of all files, without unpacking.

    Raises:
        PackError: the file is no pack file, a part is missing or too large, or it contains another file.
    """
    with open_archive(path, PackError) as source:
        return _check_contents(path, source)[0]


def unpack_file(path: Path, folder: Path) -> Manifest:
    """Unpack a pack file as the language folder `folder`, which must not exist, and check every file's hash.

    Raises:
        PackError: as for `read_manifest`, or a file has another hash than in the manifest. Files that were written
            before are left in `folder`.
    """
    with open_archive(path, PackError) as source:
        manifest, files = _check_contents(path, source)
        for name, entry in files.items():
            received = extract(source, entry, folder / name)
            if name != MANIFEST_JSON and received != manifest.files[name].sha256:
                raise PackError(f"{path}: {name} is not the file that its manifest names; get the file again")
    return manifest


def _check_contents(path: Path, source: zipfile.ZipFile) -> tuple[Manifest, dict[str, zipfile.ZipInfo]]:
    files = {entry.filename: entry for entry in safe_files(path, source, _LIMITS, PackError)}
    if "pack/pca.safetensors" in files:
        raise PackError(
            f"{path}: holds a pack of schema 1, which had an encoder of its own; this polycap reads {_SCHEMA}: get the "
            "language's new pack, or make it anew with `polycap build`"
        )
    for name, entry in files.items():
        if name not in _MOST:
            raise PackError(f"{path}: holds {name!r}, which no pack file has; allowed: {', '.join(_MOST)}")
        if entry.file_size > _MOST[name]:
            raise PackError(f"{path}: {name} has {entry.file_size:,} bytes; at most {_MOST[name]:,} are allowed")
    missing = sorted(_NEEDED - files.keys())
    if missing:
        raise PackError(f"{path}: lacks {', '.join(missing)}, so it is no pack file; make one with `polycap pack`")
    manifest = _parse_manifest(path, source.read(files[MANIFEST_JSON]))
    sizes = {name: entry.file_size for name, entry in files.items() if name != MANIFEST_JSON}
    if sizes != {name: entry.size for name, entry in manifest.files.items()}:
        raise PackError(f"{path}: its files are not those that its manifest names; get the file again")
    return manifest, files


def _parse_manifest(path: Path, text: bytes) -> Manifest:
    try:
        content: Any = parse_json(text)
    except ValueError as error:
        raise PackError(f"{path}: {MANIFEST_JSON} is not JSON ({error}); get the file again") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != _SCHEMA:  # checked before the keys, which another schema may change
        raise PackError(f"{path}: schema {schema!r:.40}; this polycap reads {_SCHEMA}: update polycap")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = repr(".".join(map(str, first["loc"])))[1:-1]  # untrusted keys may contain escape sequences
        raise PackError(f"{path}: {MANIFEST_JSON}:{where}: {first['msg']}; get the file again") from error
