"""Tests of polycap/pack/source.py."""

import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from loopback import Server
from pack_files import visible
from polycap.errors import DownloadError, PackError
from polycap.files import cache_folder
from polycap.language import get_language
from polycap.pack.install import install_pack
from polycap.pack.source import redacted
from tiny import CODE

pytest_plugins = ["tiny_fixtures", "pack_fixtures"]


# --- addresses ---


@pytest.fixture
def url(server: Server, pack_file: Path) -> str:
    """URL of the pack file on a server."""
    server.files["/packs/tiny.polycap"] = pack_file.read_bytes()
    return f"{server.url}/packs/tiny.polycap"


def downloads() -> list[Path]:
    return list((cache_folder() / "downloads").iterdir())


def test_from_the_web(url: str, pack_file: Path, server: Server) -> None:
    done = install_pack(url, sha256=sha256(pack_file.read_bytes()).hexdigest().upper())
    assert (done.source, done.changed) == (url, True)
    assert get_language(CODE).status == "trained"
    assert downloads() == []
    assert not install_pack(url).changed
    assert len(server.asked) == 2


def test_a_broken_download_goes_on(url: str, server: Server, pack_file: Path) -> None:
    size = pack_file.stat().st_size
    server.break_after = [size // 2, 0]  # twice: the second time nothing came, so it is given up
    with pytest.raises(DownloadError, match="download failed"):
        install_pack(url)
    assert visible() == []
    assert install_pack(url).changed
    assert [wanted for _, wanted in server.asked] == ["", *[f"bytes={size // 2}-"] * 2]
    assert downloads() == []


def test_other_bytes_from_the_web(url: str, server: Server, other_file: Path, pack_file: Path) -> None:
    expected = sha256(pack_file.read_bytes()).hexdigest()
    server.files["/packs/tiny.polycap"] = other_file.read_bytes()
    with pytest.raises(DownloadError, match="not the expected bytes"):
        install_pack(url, sha256=expected)
    with pytest.raises(DownloadError, match="404"):
        install_pack(f"{url}.not")
    server.files["/packs/tiny.polycap"] = b"<html>"
    with pytest.raises(PackError, match="can't be unpacked"):
        install_pack(url)
    assert visible() == []
    assert downloads() == []


def test_a_server_without_end(url: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polycap.pack.source.MOST_BYTES", 10_000)
    server.files["/packs/tiny.polycap"] = bytes(200_000)
    with pytest.raises(DownloadError, match="is larger than 75,536 bytes"):
        install_pack(url)
    assert downloads() == []


def test_files_by_url_and_hash(pack_file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(pack_file, tmp_path / "a pack ü.polycap"))
    done = install_pack(copy.as_uri(), sha256=sha256(pack_file.read_bytes()).hexdigest())
    assert done.changed
    assert copy.is_file()
    for source, expected, message in (
        (copy, "0" * 64, "not the expected bytes"),
        (copy, "abc", "is no SHA-256"),
        ("file://elsewhere/tiny.polycap", None, "of another machine"),
        ("ftp://127.0.0.1/tiny.polycap", None, "ftp is not known"),
        ("file:///nowhere/tiny.polycap", None, "no such file"),
        (tmp_path, None, "no such file"),
        ("", None, "no such file"),
    ):
        with pytest.raises(PackError, match=message):
            install_pack(source, sha256=expected)


def test_a_record_keeps_no_secret() -> None:
    assert redacted("https://me:secret@host:8/a/b.polycap?token=secret#x") == "https://host:8/a/b.polycap"
    assert redacted("/home/me/b.polycap") == "b.polycap"
