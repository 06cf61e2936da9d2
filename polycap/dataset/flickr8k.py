"""Download of Flickr8k: the two archives of jbrownlee/Datasets, verified and unpacked.

A run may be killed at any moment and repeated: a download resumes, unpacked files are kept, and an archive that was
unpacked is not downloaded again.
"""

import os
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from polycap.dataset.dataset import Dataset
from polycap.dataset.load import load_dataset
from polycap.dataset.terms import FLICKR8K_TERMS, write_terms
from polycap.errors import DatasetError
from polycap.files import make_folder, parse_json, write_json
from polycap.files.archive import ArchiveLimits, open_archive, safe_files
from polycap.files.download import download
from polycap.files.progress import progress_bar

__all__ = ["FLICKR8K_MD5", "FLICKR8K_URL", "fetch_flickr8k"]

FLICKR8K_URL = "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/"
"""Address of the archives."""

FLICKR8K_MD5 = {
    # the small archive first, so that a wrong address fails at once
    "Flickr8k_text.zip": "bf6c1abcb8e4a833b7f922104de18627",
    "Flickr8k_Dataset.zip": "f18a1e2920de5bd84dae7cf08ec78978",
}
"""MD5 of the archives, hexadecimal, by name."""

_RECORD = ".polycap-fetched.json"
_TEMPORARY = ".polycap-unpacking.part"
# Flickr8k has 8,200 files of 1.1 GB. A much larger archive is an attack on the disk.
_LIMITS = ArchiveLimits(files=50_000, size=4 << 30)
_CHUNK_BYTES = 1 << 20


def fetch_flickr8k(
    folder: Path,
    *,
    base_url: str | None = None,
    checksums: Mapping[str, str] | None = None,
    keep: bool = False,
    progress: bool | None = None,
) -> Dataset:
    """Download Flickr8k into a folder and read it.

    Flickr8k is for non-commercial research and education: cite Hodosh, Young and Hockenmaier (2013).

    Args:
        folder: folder for the photos and the text files; created if missing.
        base_url: address of the archives. (default: `POLYCAP_FLICKR8K_URL`, or the release on GitHub)
        checksums: MD5 of the archives, hexadecimal, by name. (default: `FLICKR8K_MD5`)
        keep: whether to keep the archives after unpacking. (default: False)
        progress: whether to draw progress bars on stderr. (default: if it is a terminal)

    Raises:
        DownloadError: an archive can't be downloaded, or has another checksum.
        DatasetError: an archive can't be unpacked safely, or the result can't be read.
    """
    base = (base_url or os.environ.get("POLYCAP_FLICKR8K_URL") or FLICKR8K_URL).rstrip("/")
    make_folder(folder)
    for name, md5 in (checksums or FLICKR8K_MD5).items():
        if _is_unpacked(folder, name, md5):
            continue
        archive = download(f"{base}/{name}", folder / name, md5=md5, description=name, progress=progress)
        _write_record(folder, name, md5, _unpack(archive, folder, progress))
        if not keep:
            archive.unlink()
    write_terms(folder, FLICKR8K_TERMS)
    return load_dataset(folder)


def _read_record(folder: Path) -> dict[str, dict[str, object]]:
    """Return the MD5 and the files of each unpacked archive, by its name; empty if the record can't be read."""
    try:
        value = parse_json((folder / _RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    entries = value.items() if isinstance(value, dict) else ()
    return {name: entry for name, entry in entries if isinstance(entry, dict)}


def _is_unpacked(folder: Path, name: str, md5: str) -> bool:
    """Return whether an archive is recorded as unpacked, and all of its files exist."""
    entry = _read_record(folder).get(name, {})
    files = entry.get("files")
    return entry.get("md5") == md5 and isinstance(files, list) and all((folder / str(file)).is_file() for file in files)


def _write_record(folder: Path, name: str, md5: str, files: list[str]) -> None:
    """Record an archive as unpacked."""
    write_json(folder / _RECORD, {**_read_record(folder), name: {"md5": md5, "files": files}})


def _unpack(archive: Path, folder: Path, progress: bool | None) -> list[str]:
    """Unpack an archive's files into a folder, each atomically, and return their names.

    Raises:
        DatasetError: it is no zip archive, has a member that is not allowed, or can't be written.
    """
    with open_archive(archive, DatasetError) as source:
        files = safe_files(archive, source, _LIMITS, DatasetError)
        members = [member for member in files if not _is_clutter(member.filename)]
        description = f"unpacking {archive.name}"
        for member in progress_bar(members, show=progress, unit=" files", description=description):
            _unpack_member(source, member, folder)
    return [member.filename for member in members]


def _is_clutter(name: str) -> bool:
    """Return whether macOS added this member to the archive."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or (bool(parts) and (parts[-1].startswith("._") or parts[-1] == ".DS_Store"))


def _unpack_member(source: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Unpack one file, unless it exists with the same contents."""
    target = folder / member.filename
    if _is_complete(target, member):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder / _TEMPORARY  # one name, so that the next run overwrites the file of a killed run
    with source.open(member) as packed, temporary.open("wb") as stream:
        shutil.copyfileobj(packed, stream, _CHUNK_BYTES)  # checks size and CRC at the end
    temporary.replace(target)


def _is_complete(target: Path, member: zipfile.ZipInfo) -> bool:
    """Return whether a file exists with the size and CRC of an archive's member."""
    if not target.is_file() or target.stat().st_size != member.file_size:
        return False
    return zlib.crc32(target.read_bytes()) == member.CRC
