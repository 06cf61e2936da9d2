"""Locks: held by one at a time, let go by `kill -9`, and to be had where a file system has none."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from polycap.errors import BuildError
from polycap.files.locks import exclusive, wait_for_lock

ROOT = Path(__file__).parent.parent.parent

TAKEN = BuildError("taken")

HOLD = """
import errno, fcntl, os, sys, time
from pathlib import Path
from polycap.errors import BuildError
from polycap.files.locks import exclusive

path, without = Path(sys.argv[1]), sys.argv[2]
flock = fcntl.flock
def refuse(handle, operation):
    if without == "anywhere" or (without == "there" and os.path.samestat(os.fstat(handle), path.stat())):
        raise OSError(errno.ENOLCK, "No locks available")
    flock(handle, operation)
fcntl.flock = refuse
with exclusive(path, BuildError("taken")):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


@contextmanager
def holder(path: Path, without: str, seconds: float = 60.0) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": tempfile.gettempdir()}
    command = [sys.executable, "-c", HOLD, str(path), without, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def refusing(path: Path, without: str, number: int = errno.ENOLCK) -> Callable[[int, int], None]:
    """`fcntl.flock` of file systems without locks: nowhere, where `path` lies ("there"), or anywhere."""
    flock = fcntl.flock

    def refuse(handle: int, operation: int) -> None:
        if without == "anywhere" or (without == "there" and os.path.samestat(os.fstat(handle), path.stat())):
            raise OSError(number, os.strerror(number))
        flock(handle, operation)

    return refuse


@pytest.fixture(params=["nowhere", "there", "anywhere"])
def without(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file systems that have no locks."""
    monkeypatch.setattr(fcntl, "flock", refusing(tmp_path / "lock", request.param))
    return str(request.param)


def test_a_lock_is_held_by_one_process_and_let_go_when_it_is_killed(without: str, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path, without) as other:
        with pytest.raises(BuildError, match="taken"), exclusive(path, TAKEN):
            pytest.fail("two at once")
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        for _ in range(2):
            with exclusive(path, TAKEN):
                pass


def test_waiting_for_another_process(without: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "lock"
    with holder(path, without, 0.3) as other, wait_for_lock(path, "waiting for it"):
        assert caplog.messages == ["waiting for it"]
        assert other.wait(5) == 0
    with wait_for_lock(path, "nobody is there"):
        pass
    assert len(caplog.messages) == 1


@pytest.mark.usefixtures("without")
def test_threads_keep_one_another_out(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(3):
            with wait_for_lock(tmp_path / "lock"):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 9


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_what_file_systems_without_locks_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    path = tmp_path / "lock"
    monkeypatch.setattr(fcntl, "flock", refusing(path, "there", number))
    with exclusive(path, TAKEN), pytest.raises(BuildError), exclusive(path, TAKEN):
        pytest.fail("two at once")


def test_another_fault_is_no_lack_of_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(tmp_path, "anywhere", errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), wait_for_lock(tmp_path / "lock"):
        pytest.fail("without a lock")


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    for lock in (exclusive(tmp_path / "lock", TAKEN), wait_for_lock(tmp_path / "lock")):
        with pytest.raises(ZeroDivisionError), lock:
            raise ZeroDivisionError
    with exclusive(tmp_path / "lock", TAKEN):
        pass


SERVES = """
import sys
from pathlib import Path
from polycap.files.download import download
from polycap.errors import EncoderError
from polycap.encoder.weight_files import read_weights
from polycap.files import write_json
from polycap.files.locks import lock_folder as alone
from polycap.files.staging import replace_folder as replace_folder, staging_folder as staging
from polycap.translation.engine import Translation
from polycap.translation.journal import Journal

folder, url = Path(sys.argv[1]), sys.argv[2]
download(url, folder / "downloads" / "file", progress=False)
with alone(folder, "it"), staging(folder / "unfinished") as prepared:
    (prepared / "new").mkdir()
    write_json(prepared / "new" / "a.json", 1)
    replace_folder(prepared, prepared / "new", folder / "final")
with Journal(folder / "journal", "engine", ["a"]) as journal:
    journal.append([Translation("b", None, 0)])
import h5py
with h5py.File(folder / "weights.h5", "w", locking=False) as file:
    file["x"] = 1
try:
    read_weights(folder / "weights.h5")
except EncoderError as error:
    assert "lock" not in str(error), error
"""


def test_a_file_system_without_flock_and_chmod(shared: Path, tmp_path: Path, server: Any) -> None:
    """The calls fail in C, for every library."""
    library = tmp_path / "nofs.so"
    try:
        compiler = ["gcc", "-shared", "-fPIC", "-o", str(library), str(shared / "cases" / "nofs.c"), "-ldl"]
        subprocess.run(compiler, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs gcc and Linux")
    place = tmp_path / "place"
    place.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": tempfile.gettempdir()}
    environment |= {"LD_PRELOAD": str(library), "NOFLOCK": str(errno.ENOLCK), "NOCHMOD": "1"}
    command = [sys.executable, "-c", SERVES, str(place), f"{server.url}/file"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (place / "downloads").iterdir()] == ["file"]
    assert (place / "final" / "a.json").read_text() == "1\n"
