"""Downloads and `fetch_flickr8k`, against a server on loopback that breaks in the ways that servers do."""

import hashlib
import socket
import threading
from pathlib import Path

import pytest

from loopback import BODY, Server
from polycap.errors import DownloadError
from polycap.files.download import download


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


def test_certificates_that_are_gone_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(DownloadError, match=r"of SSL_CERT_FILE=.*gone\.pem can't be read: No such file"):
        download("https://127.0.0.1:9/file", tmp_path / "file")
