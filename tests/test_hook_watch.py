"""What a hook does beside returning is heard; what others do is not."""

import ctypes
import logging
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from polycap.hook_watch import watch_hook


def heard(deed: Callable[[], object]) -> list[str]:
    with watch_hook() as deeds:
        deed()
    return deeds


def ignore(deed: Callable[[], object], *errors: type[Exception]) -> None:
    try:
        deed()
    except errors:
        return


def connect() -> None:
    with socket.socket() as plug:
        ignore(lambda: plug.connect(("127.0.0.1", 9)), OSError)


def write_in_a_thread() -> None:
    thread = threading.Thread(target=Path("threads.txt").write_text, args=("a",))
    thread.start()
    thread.join()


def set_variable() -> None:
    os.environ["POLYCAP_TEST"] = "1"


def print_to_stderr() -> None:
    print("psst", file=sys.stderr)


def write_raw(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda: Path("new.txt").write_text("a"), "opened new.txt for writing"),
        (lambda: Path("old.txt").open("a").close(), "opened old.txt for writing"),
        (lambda: Path("old.txt").open("r+").close(), "opened old.txt for writing"),
        (lambda: Path("new.bin").write_bytes(b"a"), "opened new.bin for writing"),
        (lambda: write_raw("raw.txt"), "opened raw.txt for writing"),
        (lambda: Path("old.txt").unlink(), "os.remove"),
        (lambda: Path("old.txt").rename("b.txt"), "os.rename"),
        (lambda: Path("old.txt").chmod(0o600), "os.chmod"),
        (lambda: Path("a").mkdir(), "os.mkdir"),
        (lambda: shutil.copy("old.txt", "c.txt"), "shutil.copy"),
        (lambda: tempfile.mkdtemp(), "tempfile.mkdtemp"),
        (lambda: os.system("true"), "os.system"),
        (lambda: subprocess.run(["true"], check=True), "subprocess.Popen"),
        (lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0), "os.posix_spawn"),
        (connect, "socket.connect"),
        (lambda: ignore(lambda: urllib.request.urlopen("http://127.0.0.1:9"), OSError), "urllib.Request"),
        (lambda: sqlite3.connect(":memory:").close(), "sqlite3.connect"),
        (lambda: ctypes.CDLL(None), "ctypes.dlopen"),
        (write_in_a_thread, "opened threads.txt for writing"),
        (lambda: os.chdir(".."), "os.chdir"),
        (set_variable, "os.putenv"),
        (set_variable, "changed the environment"),
        (lambda: os.environ.pop("POLYCAP_SET"), "changed the environment"),
        (lambda: sys.path.append("/nowhere"), "changed the environment or sys.path"),
        (lambda: print("hello\nworld"), r"printed 'hello\nworld\n'"),
        (print_to_stderr, r"printed 'psst\n'"),
        (lambda: random.random(), "random numbers"),
        (lambda: random.seed(3), "random numbers"),
        (lambda: random.shuffle([1, 2]), "random numbers"),
    ],
)
def test_a_deed_is_heard(
    deed: Callable[[], object], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLYCAP_SET", "1")
    monkeypatch.setenv("POLYCAP_TEST", "0")  # both are put back
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    Path("old.txt").write_text("old")
    dice = random.getstate()
    deeds = heard(deed)
    assert random.getstate() == dice  # is put back, too
    assert any(words in each for each in deeds), deeds
    assert all("\n" not in each for each in deeds)


@pytest.mark.parametrize(
    "deed",
    [
        lambda: None,
        lambda: "Hund".casefold().translate({}),
        lambda: Path(__file__).read_text(encoding="utf-8"),
        lambda: list(Path(__file__).parent.iterdir()),
        lambda: Path(__file__).stat(),
        lambda: os.environ.get("HOME"),
        lambda: random.Random(3).random(),
        lambda: __import__("colorsys"),
        lambda: exec(compile("a = 1", "hooks.py", "exec"), {}),
        lambda: logging.getLogger("polycap.test").debug("nobody listens"),
    ],
)
def test_looking_and_thinking_are_no_deeds(deed: Callable[[], object]) -> None:
    __import__("colorsys")  # a first import may write bytecode
    assert heard(deed) == []


def test_a_deed_that_is_done_twice_is_told_once(tmp_path: Path) -> None:
    deeds = heard(lambda: [(tmp_path / "a").write_text("a") for _ in range(3)])
    assert deeds == [f"opened {tmp_path / 'a'} for writing"]


def test_nothing_is_heard_outside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "before").write_text("a")
    with watch_hook() as deeds:
        pass
    (tmp_path / "after").write_text("a")
    print("after")
    assert deeds == []
    assert capsys.readouterr().out == "after\n"


def test_what_a_hook_prints_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    heard(lambda: print("hello"))
    assert capsys.readouterr() == ("", "")


def test_an_error_passes_and_the_watch_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found: list[str] = []

    def fail() -> None:
        nonlocal found
        with watch_hook() as found:
            (tmp_path / "a").write_text("a")
            print("last words")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    (tmp_path / "b").write_text("b")
    print("again")
    assert found == [f"opened {tmp_path / 'a'} for writing", r"printed 'last words\n'"]
    assert capsys.readouterr().out == "again\n"


def test_a_watch_within_a_watch(tmp_path: Path) -> None:
    with watch_hook() as outer:
        (tmp_path / "1").write_text("a")
        with watch_hook() as inner:
            (tmp_path / "2").write_text("a")
        (tmp_path / "3").write_text("a")  # the inner one's end is not the outer one's
    names = [[deed.split()[1][-1] for deed in deeds] for deeds in (outer, inner)]
    assert names == [["1", "2", "3"], ["2"]]


def test_another_threads_deeds_are_not_the_hooks(tmp_path: Path) -> None:
    watching, done = threading.Event(), threading.Event()

    def meddle() -> None:
        watching.wait(10)
        (tmp_path / "a").write_text("a")
        done.set()

    thread = threading.Thread(target=meddle)
    thread.start()
    with watch_hook() as deeds:
        watching.set()
        assert done.wait(10)
    thread.join()
    assert (tmp_path / "a").exists()
    assert deeds == []
