"""`.argosmodel` files: metadata, and safe unpacking.

The file is a zip archive of one folder with `metadata.json`, a CTranslate2 model in `model/`, and `sentencepiece.model`
or `bpe.model`. All entries are checked before any is written, which Argos does not do.
"""

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.errors import TranslationError
from polycap.files.archive import ArchiveLimits, extract, open_archive, safe_files
from polycap.files.strangers import parse_json

__all__ = ["METADATA", "TOKENIZERS", "PackageFacts", "read_facts", "unpack", "version_key"]

METADATA = "metadata.json"
MODEL_BIN = "model/model.bin"
TOKENIZERS = ("sentencepiece.model", "bpe.model")
"""File names of tokenizers, in Argos' order of precedence."""

# Argos' largest package unpacks to about 300 MB in thirty files.
_LIMITS = ArchiveLimits(files=2_000, size=4 << 30)
_MAX_METADATA_BYTES = 1 << 20

_CODE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,31}")


@dataclass(frozen=True)
class PackageFacts:
    """Facts of a package, from its `metadata.json`.

    Attributes:
        source: Argos' code of the source language.
        target: Argos' code of the target language.
        version: version of the package, such as `1.9`.
        target_prefix: token that the model needs before each translation. (default: "", none)
    """

    source: str
    target: str
    version: str
    target_prefix: str = ""

    @property
    def identity(self) -> str:
        """Identity, such as `en_de@1.9`."""
        return f"{self.source}_{self.target}@{self.version}"

    @property
    def folder(self) -> str:
        """Argos' name of the package's folder, such as `translate-en_de-1_9`."""
        return f"translate-{self.source}_{self.target}-{self.version.replace('.', '_')}"


def version_key(version: str) -> list[int]:
    """Return a sort key of a version: `1.10` is after `1.9`."""
    return [int(number) for number in re.findall(r"\d+", version)]


def read_facts(text: str | bytes, where: str) -> PackageFacts:
    """Parse a `metadata.json`.

    Args:
        text: content of the file.
        where: name of the file, for messages.

    Raises:
        TranslationError: the text is not the metadata of a translation package.
    """
    try:
        facts: Any = parse_json(text)
    except ValueError as error:
        raise TranslationError(f"{where}: is not JSON ({error}); get the package again") from error
    if not isinstance(facts, dict) or facts.get("type", "translate") != "translate":
        raise TranslationError(f"{where}: is not the metadata of a translation package; name another file")
    values = []
    for key, pattern in (("from_code", _CODE), ("to_code", _CODE), ("package_version", _VERSION)):
        value = facts.get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise TranslationError(f"{where}:{key}: received {value!r}, which is not valid; get the package again")
        values.append(value)
    source, target, version = values
    return PackageFacts(source, target, version, str(facts.get("target_prefix") or ""))


def unpack(archive: Path, folder: Path) -> PackageFacts:
    """Unpack the folder of an `.argosmodel` file as `folder`, which must not exist.

    Raises:
        TranslationError: the file is no package, lacks a part or is not safe to unpack, or the disk can't be written.
            Files that were written before are left in `folder`.
    """
    if not archive.is_file():
        raise TranslationError(f"{archive}: no such file; name an .argosmodel file")
    with open_archive(archive, TranslationError) as source:
        members = _package_members(archive, source)
        if members[METADATA].file_size > _MAX_METADATA_BYTES:
            raise TranslationError(f"{archive}: {METADATA} is too large to be one; get the package again")
        facts = read_facts(source.read(members[METADATA]), f"{archive}/{METADATA}")
        for name, member in members.items():
            extract(source, member, folder / name)
    return facts


def _package_members(archive: Path, source: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files to unpack, by their paths inside the package's folder.

    Raises:
        TranslationError: a file is not safe to unpack, or a part of the package is missing.
    """
    files = safe_files(archive, source, _LIMITS, TranslationError)
    roots = {entry.filename.partition("/")[0] for entry in files}
    if len(roots) != 1:
        raise TranslationError(f"{archive}: a package is one folder; this holds {len(roots)}; get the package again")
    members = {entry.filename.partition("/")[2]: entry for entry in files}
    _check_complete(archive, members)
    return members


def _check_complete(archive: Path, names: Iterable[str]) -> None:
    missing = [name for name in (METADATA, MODEL_BIN) if name not in names]
    if not set(TOKENIZERS) & set(names):
        missing.append(" or ".join(TOKENIZERS))
    if missing:
        raise TranslationError(f"{archive}: lacks {', '.join(missing)}, so it is no Argos package; get another file")
