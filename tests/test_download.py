"""Downloads and `fetch_flickr8k`, against a server on loopback that breaks in the ways that servers do."""

import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from loopback import BODY, Server
from PIL import Image

from polycap.dataset import fetch_flickr8k
from polycap.download import download
from polycap.errors import DatasetError, DownloadError


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def test_download_takes_the_whole_file_and_leaves_nothing_else(server: Server, tmp_path: Path) -> None:
    path = download(f"{server.url}/file", tmp_path / "new" / "file", sha256=hashlib.sha256(BODY).hexdigest())
    assert path.read_bytes() == BODY
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_present_file_with_the_right_hash_needs_no_network(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY).upper())
    download(f"{server.url}/file", tmp_path / "file")
    assert server.asked == []


def test_present_file_with_another_hash_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    assert download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY)).read_bytes() == BODY


def test_a_connection_that_breaks_is_resumed(server: Server, tmp_path: Path) -> None:
    server.break_after = [40_000, 30_000]
    assert download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY)).read_bytes() == BODY
    assert [wanted for _, wanted in server.asked] == ["", "bytes=40000-", "bytes=70000-"]


def test_a_later_call_resumes_what_an_earlier_one_left(server: Server, tmp_path: Path) -> None:
    server.break_after = [50_000, 0]
    with pytest.raises(DownloadError, match=r"/file: download failed .*run it again"):
        download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY))
    assert (tmp_path / "file.part").read_bytes() == BODY[:50_000]
    assert not (tmp_path / "file").exists()
    assert download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY)).read_bytes() == BODY
    assert server.asked[-1] == ("/file", "bytes=50000-")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_file_that_changed_meanwhile_is_started_over(server: Server, tmp_path: Path) -> None:
    server.break_after = [50_000, 0]
    with pytest.raises(DownloadError):
        download(f"{server.url}/file", tmp_path / "file")
    server.files["/file"], server.tag = BODY[::-1], '"v2"'
    assert download(f"{server.url}/file", tmp_path / "file").read_bytes() == BODY[::-1]


def test_without_hash_and_validator_nothing_is_resumed(server: Server, tmp_path: Path) -> None:
    server.tag = ""
    (tmp_path / "file.part").write_bytes(b"x" * 100)
    assert download(f"{server.url}/file", tmp_path / "file").read_bytes() == BODY
    assert server.asked == [("/file", "")]


@pytest.mark.parametrize("refuse", [False, True], ids=["ignored", "416"])
def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path, refuse: bool) -> None:
    server.ranges, server.refuse_ranges = False, refuse
    (tmp_path / "file.part").write_bytes(BODY[:1000])
    assert download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY)).read_bytes() == BODY


def test_a_part_that_is_whole_needs_no_network(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY)
    assert download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY)).read_bytes() == BODY
    assert server.asked == []


def test_a_server_that_always_breaks_is_given_up(server: Server, tmp_path: Path) -> None:
    server.break_after = [10] * 20
    with pytest.raises(DownloadError):
        download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY))
    assert len(server.asked) == 6


def test_wrong_bytes_are_deleted_and_both_hashes_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        download(f"{server.url}/file", tmp_path / "file", md5="0" * 32)
    assert "0" * 32 in str(caught.value)
    assert md5(BODY) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_not_found_is_one_line_with_the_address(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"^{server.url}/none: download failed .*404 Not Found.*$"):
        download(f"{server.url}/none", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_is_left_after_the_time_out(server: Server, tmp_path: Path) -> None:
    server.silent, server.break_after = True, [100, 0]
    with pytest.raises(DownloadError, match="download failed"):
        download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY), timeout_s=0.2)


def test_a_closed_port_is_an_error_with_the_address(server: Server, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/file"
        with pytest.raises(DownloadError, match=url):
            download(url, tmp_path / "file")
    assert server.asked == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "http://[bad/x", "http://127.0.0.1:99999/x"])
def test_an_address_that_is_none_is_an_error(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="download failed"):
        download(url, tmp_path / "file")


def test_a_path_that_cannot_be_written_is_an_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").mkdir()
    with pytest.raises(DownloadError, match="can't be written"):
        download(f"{server.url}/file", tmp_path / "file")


def test_two_at_once_download_once(server: Server, tmp_path: Path) -> None:
    def work() -> None:
        download(f"{server.url}/file", tmp_path / "file", md5=md5(BODY))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file").read_bytes() == BODY
    assert len(server.asked) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# --- the Flickr8k release ---

NAMES = [f"{i}_{i:010x}.jpg" for i in range(1, 7)]


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
    """Put a release on the server; its checksums."""
    archives = {"Flickr8k_text.zip": make_zip(text_files()), "Flickr8k_Dataset.zip": photos}
    server.files = {f"/release/{name}": body for name, body in archives.items()}
    return {name: md5(body) for name, body in archives.items()}


def test_fetch_gives_a_dataset_and_the_second_time_asks_nobody(
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
    assert fetch_flickr8k(tmp_path / "data", checksums=checksums) == dataset
    assert len(server.asked) == 2


def test_fetch_keeps_the_archives_when_asked(server: Server, tmp_path: Path) -> None:
    checksums = release(server, make_zip(photo_files()))
    fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums, keep=True)
    assert len(list(tmp_path.glob("*.zip"))) == 2


def test_fetch_restores_what_was_deleted(server: Server, tmp_path: Path) -> None:
    checksums = release(server, make_zip(photo_files()))
    fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)
    (tmp_path / "Flicker8k_Dataset" / NAMES[2]).unlink()
    dataset = fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)
    assert len(dataset.photos) == len(NAMES)


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from polycap.dataset import fetch_flickr8k, release
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


def test_fetch_resumes_after_a_kill_while_unpacking(server: Server, tmp_path: Path) -> None:
    checksums = release(server, make_zip(photo_files()))
    url, photos = f"{server.url}/release", tmp_path / "Flicker8k_Dataset"
    arguments = [str(tmp_path), url, ",".join(checksums), ",".join(checksums.values())]
    root = str(Path(__file__).parents[1])
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
    monkeypatch.setattr("polycap.dataset.release._MOST_BYTES", 100_000)
    checksums = release(server, make_zip({"bomb.jpg": bytes(200_000)}))
    with pytest.raises(DatasetError, match="200,000 bytes"):
        fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)


def test_what_is_no_archive_is_an_error(server: Server, tmp_path: Path) -> None:
    checksums = release(server, b"<html>not a zip</html>")
    with pytest.raises(DatasetError, match="can't be unpacked"):
        fetch_flickr8k(tmp_path, base_url=f"{server.url}/release", checksums=checksums)


def test_a_release_that_changed_is_refused(server: Server, tmp_path: Path) -> None:
    release(server, make_zip(photo_files()))
    with pytest.raises(DownloadError, match="bf6c1abcb8e4a833b7f922104de18627"):
        fetch_flickr8k(tmp_path, base_url=f"{server.url}/release")
