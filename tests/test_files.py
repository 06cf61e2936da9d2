"""Atomic writes, JSON and hashes."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from polycap.errors import DatasetError, PolycapError
from polycap.files import (
    atomic_path,
    cache_folder,
    digest,
    make_folder,
    read_json,
    sha256_file,
    write_json,
    write_text,
)
from polycap.hashes import HashCache

ROOT = Path(__file__).parent.parent


def test_a_write_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.txt"
    write_text(path, "old")
    write_text(path, "नया\n")
    assert path.read_bytes() == "नया\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def write() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_says_for_which_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"

    def write() -> None:
        with atomic_path(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=re.escape(str(path))):
        write()
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from polycap.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    with temporary.open("w") as stream:
        stream.write("half")
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_what_is_written_has_the_permissions_that_files_get_here(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    value = {"name": "Português", "photos": ["a\u2028b.jpg"], "none": None, "score": 20.5}
    write_json(tmp_path / "file.json", value)
    assert read_json(tmp_path / "file.json", DatasetError) == value
    assert "Português" in (tmp_path / "file.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can't be read"),
        (b"", "is not JSON"),
        (b'{"half": ', "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[1, 2]", "holds a list; expected a JSON object"),
    ],
    ids=["missing", "empty", "half", "not UTF-8", "a list"],
)
def test_bad_json_is_one_line_of_the_error_asked_for(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=reason) as caught:
        read_json(path, DatasetError)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_there_is_taken(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert make_folder(tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_file_in_the_folders_place_is_an_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PolycapError, match="can't make this folder"):
        make_folder(tmp_path / path)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root, whom nothing stops
    with pytest.raises(PolycapError, match="is not writable"):
        make_folder(tmp_path)


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("POLYCAP_CACHE", "")
    assert cache_folder().name == "polycap"


def test_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "file") == expected


def test_digest_is_the_same_for_ever() -> None:
    # identities in stores and packs are made of it
    assert digest({"size": 299, "range": [-1, 1], "name": "é"}) == "46387a1f80f9661f"
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert len({digest(value) for value in (1, "1", [1], {"1": 1}, 1.5, None, "é", "e")}) == 8


def test_bytes_that_are_no_utf_8_are_written_as_escapes(tmp_path: Path) -> None:
    """A file's name may have them."""
    name = os.fsdecode(b"caf\xe9.jpg")
    write_text(tmp_path / "page.txt", f"é {name}")
    assert (tmp_path / "page.txt").read_text(encoding="utf-8") == r"é caf\udce9.jpg"
    write_json(tmp_path / "names.json", {name: "é"})
    assert read_json(tmp_path / "names.json", PolycapError) == {name: "é"}


def test_hashes_of_files_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    write_text(folder / "photo", "pixels")
    hashes = HashCache(tmp_path / "hashes.json")
    value = hashes.get(folder / "photo")
    hashes.save()
    again = HashCache(tmp_path / "hashes.json")
    assert value == sha256_file(folder / "photo")
    assert again.get(folder / "photo", compute=lambda _: pytest.fail("known already")) == value
