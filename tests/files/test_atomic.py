"""Atomic writes, JSON and hashes."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from polycap.errors import DatasetError, PolycapError
from polycap.files import atomic_path, read_json, write_json, write_text
from polycap.files.tensors import save_tensors
from polycap.pages.template import make_page_folder

ROOT = Path(__file__).parent.parent.parent


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
    save_tensors(tmp_path / "array", {"zeros": np.zeros(2)})
    for name in ("ours", "array"):
        assert (tmp_path / name).stat().st_mode == (tmp_path / "plain").stat().st_mode


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


def test_bytes_that_are_no_utf_8_are_written_as_escapes(tmp_path: Path) -> None:
    """A file's name may have them."""
    name = os.fsdecode(b"caf\xe9.jpg")
    write_text(tmp_path / "page.txt", f"é {name}")
    assert (tmp_path / "page.txt").read_text(encoding="utf-8") == r"é caf\udce9.jpg"
    write_json(tmp_path / "names.json", {name: "é"})
    assert read_json(tmp_path / "names.json", PolycapError) == {name: "é"}


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "page.html", tmp_path / "there" / "page.html"
    link.symlink_to(target)
    for text in ("new", "newer"):  # the first write makes the file that the link names
        write_text(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_device_or_pipe_is_not_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    for path in (pipe, link):
        with pytest.raises(OSError, match="is no regular file") as caught:
            write_text(path, "text")
        assert caught.value.filename == str(path)
        with pytest.raises(OSError, match="is no regular file"):  # of `--html`, before the work
            make_page_folder(path)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, pipe]


def test_leftovers_of_killed_writes_are_swept_after_a_day(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in (".a.txt.0123abcd.part", ".b.txt.0123abce.part", "c.part"))
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (1, 1))
    write_text(tmp_path / "d.txt", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, other.name, "d.txt"]
