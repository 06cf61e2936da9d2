"""Untrusted zip archives: every entry is checked before any file is written. The caller gives the error type."""

import hashlib
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polycap.errors import PolycapError, reason_of

__all__ = ["ArchiveLimits", "extract", "open_archive", "safe_files"]

# Raised by zipfile and its decompressors on malformed bytes.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, RuntimeError, ValueError),
)

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ArchiveLimits:
    """Limits of an unpacked archive.

    Attributes:
        files: maximum number of files.
        size: maximum size of all files together, bytes.
        ratio: maximum ratio of that size to the archive's; a zip bomb's is in the thousands. (default: 50)
        ratio_from: unpacked size, bytes, up to which the ratio is not checked: a small archive may hold text, which
            compresses well. (default: 16 MiB)
    """

    files: int
    size: int
    ratio: int = 50
    ratio_from: int = 16 << 20


@contextmanager
def open_archive(path: Path, error_type: type[PolycapError]) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive for reading; errors of broken contents, while it is open, become `error_type`.

    Raises:
        error_type: it is no archive or is broken, or a file can't be written.
    """
    try:
        with zipfile.ZipFile(path) as source:
            yield source
    except _BROKEN as error:
        raise error_type(f"{path}: can't be unpacked ({reason_of(error)}); get the file again") from error
    except OSError as error:
        raise error_type(f"{path}: can't be unpacked ({error.strerror or error})") from error


def safe_files(
    path: Path, source: zipfile.ZipFile, limits: ArchiveLimits, error_type: type[PolycapError]
) -> list[zipfile.ZipInfo]:
    """Return the files of an archive, if all of its entries may be unpacked.

    Raises:
        error_type: an entry would leave the folder, is a link or a device, is encrypted or has the name of another
            entry, or the files exceed `limits`.
    """
    entries = source.infolist()
    for entry in entries:
        fault = _danger(entry)
        if fault:
            raise error_type(f"{path}: {entry.filename!r} {fault}; this archive is not safe to unpack")
    files = [entry for entry in entries if not entry.is_dir()]
    _check_size(path, files, limits, error_type)
    if len({entry.filename.casefold() for entry in files}) != len(files):
        raise error_type(f"{path}: holds two files of one name; this archive is not safe to unpack")
    return files


def extract(source: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> str:
    """Write one of `safe_files` to `target`, which must not exist; create its folder. Return the file's SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hasher = hashlib.sha256()
    with source.open(entry) as packed, target.open("xb") as stream:
        while block := packed.read(_BLOCK_BYTES):  # zipfile checks size and CRC at the end
            hasher.update(block)
            stream.write(block)
    return hasher.hexdigest()


def _danger(entry: zipfile.ZipInfo) -> str:
    """Return the reason why an entry may not be unpacked; empty if it may."""
    name = entry.filename
    parts = name.removesuffix("/").split("/")
    if "\\" in name or ":" in name or not all(parts) or {".", ".."} & set(parts):
        return "would leave the folder"
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    return "is encrypted" if entry.flag_bits & 1 else ""


def _check_size(
    path: Path, files: list[zipfile.ZipInfo], limits: ArchiveLimits, error_type: type[PolycapError]
) -> None:
    """Reject an archive that exceeds `limits`. No file unpacks to more than its entry states: zipfile stops there."""
    size = sum(entry.file_size for entry in files)
    # The ratio is to the whole archive: entries of a zip bomb may share their packed bytes.
    ratio = size / max(1, path.stat().st_size)
    too_dense = size > limits.ratio_from and ratio > limits.ratio
    if len(files) > limits.files or size > limits.size or too_dense:
        raise error_type(
            f"{path}: would unpack to {len(files):,} files and {size:,} bytes, {ratio:.0f} times its own size; "
            f"at most {limits.files:,} files, {limits.size:,} bytes and {limits.ratio} times are allowed"
        )
