"""`fetch_flickr8k`: the two Flickr8k archives of jbrownlee/Datasets, downloaded, checked and unpacked.

Everything can be killed at any moment and run again: a download resumes, files that are already unpacked are
kept, and an archive that was unpacked is not fetched again.
"""

import json
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from polycap.dataset.dataset import Dataset
from polycap.dataset.load import load_dataset
from polycap.dataset.terms import FLICKR8K_TERMS, write_terms
from polycap.errors import DatasetError
from polycap.files import make_folder, write_json
from polycap.files.download import download
from polycap.files.progress import progress_bar

__all__ = ["FLICKR8K_MD5", "FLICKR8K_URL", "fetch_flickr8k"]

FLICKR8K_URL = "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/"
FLICKR8K_MD5 = {
    # the small one first: a wrong address shows at once
    "Flickr8k_text.zip": "bf6c1abcb8e4a833b7f922104de18627",
    "Flickr8k_Dataset.zip": "f18a1e2920de5bd84dae7cf08ec78978",
}
_MARKER = ".polycap-fetched.json"
_TEMPORARY = ".polycap-unpacking.part"
# Flickr8k unpacks to 8,200 files and 1.1 GB. More than this is no photo collection but an attack on the disk.
_MOST_FILES = 50_000
_MOST_BYTES = 4 << 30
_CHUNK_BYTES = 1 << 20


def fetch_flickr8k(
    folder: Path,
    *,
    base_url: str | None = None,
    checksums: Mapping[str, str] | None = None,
    keep: bool = False,
    progress: bool | None = None,
) -> Dataset:
    """Download Flickr8k into `folder` and read it.

    Flickr8k is for non-commercial research and education: cite Hodosh, Young and Hockenmaier (2013).

    Args:
        folder: where the photos and the text files go.
        base_url: where the archives lie; `POLYCAP_FLICKR8K_URL`, else the release on GitHub.
        checksums: archive name -> MD5 in hexadecimal; `FLICKR8K_MD5` if not given.
        keep: keep the archives, too, after unpacking.
        progress: draw bars on stderr, when that is a terminal.

    Raises:
        DownloadError: an archive can't be fetched, or is not the expected one.
        DatasetError: an archive can't be unpacked safely, or the result can't be read.
    """
    base = (base_url or os.environ.get("POLYCAP_FLICKR8K_URL") or FLICKR8K_URL).rstrip("/")
    make_folder(folder)
    for name, md5 in (checksums or FLICKR8K_MD5).items():
        if _is_unpacked(folder, name, md5):
            continue
        archive = download(f"{base}/{name}", folder / name, md5=md5, description=name, progress=progress)
        _record(folder, name, md5, _unpack(archive, folder, progress))
        if not keep:
            archive.unlink()
    write_terms(folder, FLICKR8K_TERMS)
    return load_dataset(folder)


def _fetched(folder: Path) -> dict[str, dict[str, object]]:
    """What the marker says: archive name -> its MD5 and its files. Nothing, if the marker is unreadable."""
    try:
        value = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in value.items() if isinstance(v, dict)} if isinstance(value, dict) else {}


def _is_unpacked(folder: Path, name: str, md5: str) -> bool:
    entry = _fetched(folder).get(name, {})
    files = entry.get("files")
    return entry.get("md5") == md5 and isinstance(files, list) and all((folder / str(f)).is_file() for f in files)


def _record(folder: Path, name: str, md5: str, files: list[str]) -> None:
    write_json(folder / _MARKER, {**_fetched(folder), name: {"md5": md5, "files": files}})


def _unpack(archive: Path, folder: Path, progress: bool | None) -> list[str]:
    """Unpack an archive's files into `folder`, each whole or not at all, and return their names.

    Raises:
        DatasetError: it is no zip archive, holds something that may not be unpacked, or can't be written.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = _safe_members(archive, source)
            words = f"unpacking {archive.name}"
            for member in progress_bar(members, show=progress, unit=" files", description=words):
                _unpack_member(source, member, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DatasetError(f"{archive}: can't be unpacked ({error}); delete it and fetch it again") from error
    except OSError as error:
        raise DatasetError(f"{folder}: can't unpack {archive.name} here ({error.strerror})") from error
    return [member.filename for member in members]


def _safe_members(archive: Path, source: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files to unpack; nothing is written before all of them are known to be harmless."""
    members = [member for member in source.infolist() if not member.is_dir() and not _is_clutter(member.filename)]
    for member in members:
        fault = _danger(member)
        if fault:
            raise DatasetError(f"{archive}: {member.filename!r} {fault}; this archive is not safe to unpack")
    size = sum(member.file_size for member in members)
    if len(members) > _MOST_FILES or size > _MOST_BYTES:
        raise DatasetError(
            f"{archive}: would unpack to {len(members):,} files and {size:,} bytes; "
            f"at most {_MOST_FILES:,} files and {_MOST_BYTES:,} bytes are allowed"
        )
    return members


def _is_clutter(name: str) -> bool:
    """What macOS adds to archives."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or (bool(parts) and (parts[-1].startswith("._") or parts[-1] == ".DS_Store"))


def _danger(member: zipfile.ZipInfo) -> str:
    """Why a member may not be unpacked; empty if it may."""
    name = member.filename
    if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
        return "would leave the folder"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is a link or a device"
    return "is encrypted" if member.flag_bits & 1 else ""


def _unpack_member(source: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Unpack one file, unless it is there already, whole."""
    target = folder / member.filename
    if _is_whole(target, member):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder / _TEMPORARY  # one name: a killed run leaves one file, and the next overwrites it
    with source.open(member) as packed, temporary.open("wb") as stream:
        shutil.copyfileobj(packed, stream, _CHUNK_BYTES)  # checks size and CRC at the end
    temporary.replace(target)


def _is_whole(target: Path, member: zipfile.ZipInfo) -> bool:
    if not target.is_file() or target.stat().st_size != member.file_size:
        return False
    return zlib.crc32(target.read_bytes()) == member.CRC
