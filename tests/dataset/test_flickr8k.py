"""Tests of polycap/dataset/flickr8k.py."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from loopback import Server
from polycap.dataset.flickr8k import fetch_flickr8k
from polycap.dataset.terms import FLICKR8K_TERMS
from polycap.errors import DatasetError, DownloadError
from polycap.files.archive import ArchiveLimits

# --- the Flickr8k release ---

NAMES = [f"{i}_{i:010x}.jpg" for i in range(1, 7)]


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from polycap.dataset.flickr8k import fetch_flickr8k
from polycap.dataset import flickr8k as release
copied = 0
def copy(packed, stream, length):
    global copied
    copied += 1
    if copied == 7:  # the fourth text file is the fourth copy; this is the third photo, half written
        stream.write(packed.read(10))
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    stream.write(packed.read())
shutil.copyfileobj = copy
names, sums = sys.argv[3].split(","), sys.argv[4].split(",")
fetch_flickr8k(Path(sys.argv[1]), base_url=sys.argv[2], checksums=dict(zip(names, sums)))
"""


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def jpeg(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(stream, "JPEG")
    return stream.getvalue()


def make_zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return stream.getvalue()


def photo_files() -> dict[str, bytes]:
    photos = {f"Flicker8k_Dataset/{name}": jpeg(i * 20) for i, name in enumerate(NAMES)}
    return {"Flicker8k_Dataset/": b"", **photos, f"__MACOSX/Flicker8k_Dataset/._{NAMES[0]}": b"mac"}


def text_files() -> dict[str, bytes]:
    rows = "".join(f"{name}#{i}\ta dog runs {i}\n" for name in NAMES for i in range(5))
    lists = {"train": NAMES[:4], "dev": NAMES[4:5], "test": NAMES[5:]}
    files = {f"Flickr_8k.{split}Images.txt": "\n".join(names).encode() for split, names in lists.items()}
    return {"Flickr8k.token.txt": rows.encode(), **files, "__MACOSX/._readme.txt": b"mac"}


def release(server: Server, photos: bytes) -> dict[str, str]:
    """Put a release on the server; return its checksums."""
    archives = {"Flickr8k_text.zip": make_zip(text_files()), "Flickr8k_Dataset.zip": photos}
    server.files = {f"/release/{name}": body for name, body in archives.items()}
    return {name: md5(body) for name, body in archives.items()}


def test_fetch_returns_a_dataset_and_the_second_time_downloads_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checksums = release(server, make_zip(photo_files()))
    monkeypatch.setenv("POLYCAP_FLICKR8K_URL", f"{server.url}/release/")
    dataset = fetch_flickr8k(tmp_path / "data", checksums=checksums)
    assert [photo.name for photo in dataset.photos] == NAMES
    assert [len(dataset.split(name)) for name in ("train", "dev", "test")] == [4, 1, 1]
    assert dataset.faults == ()
    assert not list((tmp_path / "data").glob("*.zip"))
    assert not (tmp_path / "data" / "__MACOSX").exists()
    assert (tmp_path / "data" / "TERMS.txt").read_text(encoding="utf-8") == f"{FLICKR8K_TERMS}\n"
    assert fetch_flickr8k(tmp_path / "data", checksums=checksums) == dataset
    assert len(server.asked) == 2


def test_fetch_keeps_the_archives_with_keep(server: Server, tmp_path: Path) -> None:
    checksums = release(server, make_zip(photo_files()))
    fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums, keep=True)
    assert len(list(tmp_path.glob("*.zip"))) == 2


def test_fetch_restores_what_was_deleted(server: Server, tmp_path: Path) -> None:
    checksums = release(server, make_zip(photo_files()))
    fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)
    (tmp_path / "Flicker8k_Dataset" / NAMES[2]).unlink()
    dataset = fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)
    assert len(dataset.photos) == len(NAMES)


def test_fetch_resumes_after_a_kill_while_unpacking(server: Server, tmp_path: Path) -> None:
    checksums = release(server, make_zip(photo_files()))
    url, photos = f"{server.url}/release", tmp_path / "Flicker8k_Dataset"
    arguments = [str(tmp_path), url, ",".join(checksums), ",".join(checksums.values())]
    root = str(Path(__file__).parents[2])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], env={**os.environ, "PYTHONPATH": root}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    before = {path.name: path.stat().st_mtime_ns for path in photos.iterdir()}
    assert sorted(before) == NAMES[:2]
    asked = len(server.asked)
    dataset = fetch_flickr8k(tmp_path, base_url=url, checksums=checksums)
    assert len(dataset.photos) == len(NAMES)
    assert {name: (photos / name).stat().st_mtime_ns for name in before} == before
    assert len(server.asked) == asked
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("name", ["../evil.jpg", "/evil.jpg", "a/../../evil.jpg", "C:/evil.jpg", "..\\evil.jpg"])
def test_an_archive_that_would_leave_the_folder_writes_nothing(server: Server, tmp_path: Path, name: str) -> None:
    checksums = release(server, make_zip({**photo_files(), name: b"evil"}))
    with pytest.raises(DatasetError, match="would leave the folder"):
        fetch_flickr8k(tmp_path / "data", base_url=f"{server.url}/release", checksums=checksums)
    assert not (tmp_path / "data" / "Flicker8k_Dataset").exists()
    assert not list(tmp_path.rglob("*evil*"))


def test_an_archive_with_a_link_is_refused(server: Server, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    checksums = release(server, stream.getvalue())
    with pytest.raises(DatasetError, match="is a link"):
        fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)


def test_an_archive_that_would_fill_the_disk_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polycap.dataset.flickr8k._LIMITS", ArchiveLimits(files=10, size=100_000))
    checksums = release(server, make_zip({"bomb.jpg": bytes(200_000)}))
    with pytest.raises(DatasetError, match="200,000 bytes"):
        fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)


def test_a_file_that_is_no_archive_is_an_error(server: Server, tmp_path: Path) -> None:
    checksums = release(server, b"<html>not a zip</html>")
    with pytest.raises(DatasetError, match="can't be unpacked"):
        fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)


def test_a_release_that_changed_is_refused(server: Server, tmp_path: Path) -> None:
    release(server, make_zip(photo_files()))
    with pytest.raises(DownloadError, match="bf6c1abcb8e4a833b7f922104de18627"):
        fetch_flickr8k(tmp_path, base_url=f"{server.url}/release")
