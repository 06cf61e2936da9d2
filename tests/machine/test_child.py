"""Children: neither files of the current folder nor variables of the user reach them; what the parent imports does."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polycap
from polycap.errors import PolycapError
from polycap.machine.child import child_environment, find_program, freeze_support, run_child, run_program, start_child

ROOT = Path(polycap.__path__[0]).parent
TARGET = """
import json, os, sys, warnings
def tell(job):
    import polycap
    json.dump({"job": job, "cwd": os.getcwd(), "files": os.listdir(), "path": sys.path,
               "isolated": sys.flags.isolated, "no_bytecode": sys.dont_write_bytecode,
               "environment": dict(os.environ), "polycap": polycap.__file__, "prefix": sys.pycache_prefix}, sys.stdout)
def warn(job):
    warnings.warn("a library's own", stacklevel=1)
def echo(job):
    for line in sys.stdin.buffer:
        print(job, line.decode().strip(), flush=True)
def fail(job):
    sys.exit(3)
"""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Names a function of a module that only this process' `sys.path` has."""
    (tmp_path / "only here").mkdir()
    (tmp_path / "only here" / "target_of_tests.py").write_text(TARGET)
    monkeypatch.syspath_prepend(tmp_path / "only here")
    return "target_of_tests:{}".format


def tell(target: Callable[[str], str], job: Any = None, **options: Any) -> dict[str, Any]:
    done = run_child(target("tell"), job, **options)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_job_arrives_in_an_empty_folder_that_is_removed(target: Callable[[str], str]) -> None:
    job = {"umlaut": "ä", "odd": "\udcff", "line": "\n", "long": "x" * 300_000}
    told = tell(target, job)
    assert told["job"] == job
    assert told["files"] == []
    assert told["cwd"] != str(Path.cwd())
    assert not Path(told["cwd"]).exists()
    assert told["isolated"] == 1


def test_variables_of_the_user_stay_behind(target: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "KERAS_HOME", "TF_ENABLE_ONEDNN_OPTS", "POLYCAP_CACHE", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    told = tell(target, environment={"KERAS_BACKEND": "openvino"})
    assert told["environment"].pop("KERAS_BACKEND") == "openvino"
    assert told["environment"].pop("HOME") == told["cwd"]
    assert told["environment"].keys() <= child_environment().keys() | {"LC_CTYPE"}  # which Python sets for itself
    assert tell(target, environment={"HOME": "/home/of/mine"})["environment"]["HOME"] == "/home/of/mine"
    assert run_child(target("warn"), None).returncode == 0


def test_the_path_is_the_parent_s_without_the_current_folder(
    target: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    (here / "relative").mkdir(parents=True)
    (tmp_path / "link").symlink_to(here)
    monkeypatch.chdir(here)
    given = list(sys.path)
    monkeypatch.setattr(sys, "path", ["", ".", str(here), str(tmp_path / "link"), "relative", *given, tmp_path])
    told = tell(target)
    assert told["path"] == [str(here / "relative"), *(str(Path(entry).absolute()) for entry in given if entry)]
    monkeypatch.chdir(Path(os.__file__).parent)  # where it is Python's own, it stays
    assert str(Path(os.__file__).parent) in tell(target)["path"]


def test_the_package_is_the_parent_s(
    target: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its folder is the current one, and where another one comes first."""
    (tmp_path / "other" / "polycap").mkdir(parents=True)
    (tmp_path / "other" / "polycap" / "__init__.py").write_text("raise RuntimeError('another polycap')")
    monkeypatch.syspath_prepend(tmp_path / "other")
    monkeypatch.chdir(ROOT)
    told = tell(target)
    assert str(ROOT) not in told["path"]
    assert Path(told["polycap"]) == ROOT / "polycap" / "__init__.py"


def test_options_of_the_interpreter_reach_it(target: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "pycache_prefix", "/nowhere")
    told = tell(target)
    assert told["prefix"] == "/nowhere"
    assert told["no_bytecode"]


def test_a_child_that_is_spoken_with(target: Callable[[str], str]) -> None:
    with start_child(target("echo"), 7, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for word in (b"one", b"two"):
            process.stdin.write(word + b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"7 " + word + b"\n"
    assert process.returncode is not None  # it is killed at the end


def test_what_goes_wrong(target: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_child(target("fail"), None).returncode == 3
    assert "has no attribute 'nothing'" in run_child(target("nothing"), None).stderr
    with pytest.raises(subprocess.TimeoutExpired):
        run_child("time:sleep", 60, timeout_s=0.5)
    monkeypatch.setattr(sys, "executable", "/bin/false")  # ends before it has read its job
    assert run_child(target("tell"), "x" * 300_000).returncode == 1
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(PolycapError, match=r"^/no/such/python: can't be started \(.*No such file"):
        run_child(target("tell"), None)
    monkeypatch.setattr(sys, "executable", None)
    with pytest.raises(PolycapError, match=r"^sys\.executable is empty: there is no Python"):
        run_child(target("tell"), None)


def test_where_no_folder_can_be_made(target: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/no/such/folder")
    assert tell(target)["cwd"] == "/"


@pytest.mark.skipif(os.name == "nt", reason="Windows finds programs by their suffix")
def test_programs_are_those_of_absolute_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "program").write_text("#!/bin/sh\npwd; echo $HOME; echo $PYTHONPATH\n")
        (tmp_path / folder / "program").chmod(0o755)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", f":.:../here:{os.environ['PATH']}:{tmp_path / 'there'}")
    monkeypatch.setenv("PYTHONPATH", ".")
    program = find_program("program")
    assert program == str(tmp_path / "there" / "program")
    cwd, home, path = run_program([program]).stdout.splitlines()
    assert cwd == home != str(Path.cwd())
    assert path == ""
    assert find_program("no-such-program") is None


# --- frozen applications ---

FROZEN = """#!{python} -P
import sys
sys.path[:0] = {path!r}
sys.frozen, sys.executable = True, __file__
from polycap.machine.child import freeze_support, run_child
freeze_support()
print(run_child("target_of_tests:tell", sys.argv[1:]).stdout)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows starts no script by its first line")
def test_a_frozen_application_starts_itself(target: Callable[[str], str], tmp_path: Path) -> None:
    assert target("tell")
    app = tmp_path / "app"
    app.write_text(FROZEN.format(python=sys.executable, path=[str(ROOT), *sys.path[:1]]))
    app.chmod(0o755)
    environment = {**os.environ, "_PYI_ARCHIVE_FILE": "unpacked", "KERAS_HOME": "mine"}
    done = subprocess.run([app, "photo.jpg"], env=environment, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["job"] == ["photo.jpg"]
    assert told["files"] == []
    assert told["environment"]["_PYI_ARCHIVE_FILE"] == "unpacked"
    assert "KERAS_HOME" not in told["environment"]


def test_a_frozen_application_that_does_not_know_it(monkeypatch: pytest.MonkeyPatch) -> None:
    freeze_support()  # does nothing here
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(
        PolycapError, match=r"has not called polycap\.machine\.child\.freeze_support\(\).* POLYCAP_CACHE"
    ):
        run_child("json:dumps", None)
