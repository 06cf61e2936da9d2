"""Tests of polycap/server/serve.py."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from polycap.server.serve import make_server
from services import URL, Languages, files
from tiny import CODE, OTHER_CODE, run_polycap

pytest_plugins = ["tiny_fixtures"]


# --- the command ---


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process could catch")
@pytest.mark.usefixtures("world")
def test_a_process(photos: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "polycap", "serve", "--port", "0", "--language", CODE]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        assert process.stderr
        line = process.stderr.readline()
        found = re.fullmatch(rf"polycap: (http://127\.0\.0\.1:\d+); captions in {CODE}; Ctrl-C ends it\n", line)
        if not found:
            process.kill()
        assert found, line
        port = found[1].rpartition(":")[2]
        answer = httpx.post(found[1] + URL, files=files(photos[0]), timeout=60, trust_env=False)
        assert [row["language"] for row in answer.json()] == [CODE]
        assert f"--port {port}: can't listen there (" in run_polycap("serve", "--port", port).fault()
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == ""
        assert process.wait(30) == 0
    assert list(tmp_path.iterdir()) == []


def test_mistakes(languages: Languages, monkeypatch: pytest.MonkeyPatch) -> None:
    languages(monkeypatch)
    serve = ("serve", "--port", 0)
    assert "unknown language 'xx'" in run_polycap(*serve, "--language", "xx").fault()
    assert "no trained pack yet" in run_polycap(*serve, "--language", OTHER_CODE).fault()
    assert "--queue 3: is less than --max-photos 32" in run_polycap(*serve, "--queue", 3).fault()
    assert "--memory-mb 3: is less than --max-photo-mb 25" in run_polycap(*serve, "--memory-mb", 3).fault()
    assert "--host no.such.host.invalid --port 0: can't listen" in (
        run_polycap(*serve, "--host", "no.such.host.invalid").fault()
    )
    for name, package in (("python_multipart", "python-multipart"), ("fastapi", "fastapi")):
        monkeypatch.setitem(sys.modules, name, None)
        needed = f'polycap: polycap serve needs {package}, which is not installed: pip install "polycap[server]"'
        assert run_polycap(*serve).fault() == needed


def test_the_parser_does_without_the_server() -> None:
    spy = "import sys, atexit; atexit.register(lambda: print({'fastapi', 'uvicorn'} & sys.modules.keys()))\n"
    code = f"{spy}from polycap.cli import main; main()"
    for arguments in (["--help"], ["serve", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("\nset()\n")


@pytest.mark.parametrize("value", ["", "auto", "4"])
def test_the_number_of_workers_is_not_the_environments(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", value)
    assert make_server(FastAPI()).config.workers == 1
