"""An `.argosmodel` file: what it holds, and how it is unpacked without harm.

It is a zip archive of one folder with `metadata.json`, the CTranslate2 model in `model/`, and `sentencepiece.model` or
`bpe.model`. Argos unpacks whatever is in it; here nothing is written before every entry is known to be harmless.
"""

import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.errors import TranslationError
from polycap.files.archive import ArchiveLimits, extract, open_archive, safe_files

__all__ = ["METADATA", "TOKENIZERS", "PackageFacts", "read_facts", "unpack", "version_key"]

METADATA = "metadata.json"
MODEL_BIN = "model/model.bin"
TOKENIZERS = ("sentencepiece.model", "bpe.model")
"""In the order in which Argos looks for them."""

# Argos' largest package unpacks to about 300 MB in some thirty files, and a model hardly shrinks when packed.
_LIMITS = ArchiveLimits(files=2_000, size=4 << 30)
_MOST_METADATA_BYTES = 1 << 20

_CODE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,31}")


@dataclass(frozen=True)
class PackageFacts:
    """What a package's `metadata.json` says, in Argos' own codes.

    Attributes:
        source, target: the codes of the languages.
        version: the package's, such as `1.9`.
        target_prefix: a token that the model wants before each translation; empty for most.
    """

    source: str
    target: str
    version: str
    target_prefix: str = ""

    @property
    def identity(self) -> str:
        """Such as `en_de@1.9`."""
        return f"{self.source}_{self.target}@{self.version}"

    @property
    def folder(self) -> str:
        """What Argos calls the package's folder, such as `translate-en_de-1_9`."""
        return f"translate-{self.source}_{self.target}-{self.version.replace('.', '_')}"


def version_key(version: str) -> list[int]:
    """What sorts versions: `1.10` after `1.9`."""
    return [int(number) for number in re.findall(r"\d+", version)]


def read_facts(text: str | bytes, where: str) -> PackageFacts:
    """What a `metadata.json` says.

    Args:
        text: the file's.
        where: its name, for errors.

    Raises:
        TranslationError: it is no translation package's metadata.
    """
    try:
        facts: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TranslationError(f"{where}: is not JSON ({error}); get the package again") from error
    if not isinstance(facts, dict) or facts.get("type", "translate") != "translate":
        raise TranslationError(f"{where}: is not that of a translation package; name one that translates")
    found = []
    for key, pattern in (("from_code", _CODE), ("to_code", _CODE), ("package_version", _VERSION)):
        value = facts.get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise TranslationError(f"{where}:{key}: got {value!r}, which is none; get the package again")
        found.append(value)
    source, target, version = found
    return PackageFacts(source, target, version, str(facts.get("target_prefix") or ""))


def unpack(archive: Path, folder: Path) -> PackageFacts:
    """Unpack an `.argosmodel` file's one folder as `folder`, which must not exist.

    Raises:
        TranslationError: it is no such file, lacks a part, holds something that may not be unpacked, or the disk
            can't be written. What was written until then is left in `folder`.
    """
    if not archive.is_file():
        raise TranslationError(f"{archive}: no such file; name an .argosmodel file")
    with open_archive(archive, TranslationError) as source:
        members = _safe_members(archive, source)
        if members[METADATA].file_size > _MOST_METADATA_BYTES:
            raise TranslationError(f"{archive}: {METADATA} is too large to be one; get the package again")
        facts = read_facts(source.read(members[METADATA]), f"{archive}/{METADATA}")
        for name, member in members.items():
            extract(source, member, folder / name)
    return facts


def _safe_members(archive: Path, source: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files to unpack, by their paths inside the package's folder.

    Raises:
        TranslationError: one is not safe, or they make no package.
    """
    files = safe_files(archive, source, _LIMITS, TranslationError)
    roots = {entry.filename.partition("/")[0] for entry in files}
    if len(roots) != 1:
        raise TranslationError(f"{archive}: a package is one folder; this holds {len(roots)}; get the package again")
    members = {entry.filename.partition("/")[2]: entry for entry in files}
    _check_whole(archive, members)
    return members


def _check_whole(archive: Path, names: Iterable[str]) -> None:
    missing = [name for name in (METADATA, MODEL_BIN) if name not in names]
    if not set(TOKENIZERS) & set(names):
        missing.append(" or ".join(TOKENIZERS))
    if missing:
        raise TranslationError(f"{archive}: lacks {', '.join(missing)}, so it is no Argos package; get another file")
