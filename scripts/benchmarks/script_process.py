"""A script in a Python process of any environment, which exchanges JSON lines with this one."""

import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.options import BenchError

__all__ = ["NoAnswerError", "ProcessEndedError", "ScriptProcess"]

_ENDING_S = 30.0

# All prints go to standard error; only the script's answers go to standard output.
_BOOT = """
import json, os, runpy, sys
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
def answer(message):
    answers.write(json.dumps(message) + "\\n")
    answers.flush()
start = json.loads(sys.stdin.readline())
sys.path[:0] = start["path"]
runpy.run_path(sys.argv[1])["main"](start["job"], sys.stdin, answer)
"""


class NoAnswerError(BenchError):
    """No answer came in time: the process hangs."""


class ProcessEndedError(BenchError):
    """The process ended before it had answered."""


class ScriptProcess:
    """A process that calls a script's `main(job, requests, answer)`.

    It starts in an empty folder of its own, which is not on its `sys.path`, and without the `PYTHON…` variables.

    Args:
        python: the interpreter of an environment.
        script: the script; it imports only what that environment has.
        path: folders before all others on the process' `sys.path`.
        job: JSON-serialisable value.
    """

    def __init__(self, python: Path | str, script: Path, path: Sequence[Path], job: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="polycap-bench-", ignore_cleanup_errors=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        command = [str(python), "-P", "-c", _BOOT, str(script)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
        self._process = subprocess.Popen(command, cwd=self._folder.name, env=environment, **pipes)
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.send({"path": [str(folder) for folder in path], "job": job})

    def send(self, message: Any) -> None:
        """Send a request. A process that has ended is reported by `receive`."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def receive(self, timeout_s: float) -> Any:
        """Return the next answer.

        Raises:
            NoAnswerError: none came in time.
            ProcessEndedError: the process ended.
        """
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise NoAnswerError(f"no answer for {timeout_s:g} s, so the process was killed") from None
        if line is None:
            status = self._process.wait()
            reason = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            raise ProcessEndedError(f"its process {reason}" + ("; is there enough memory?" if status == -9 else ""))
        return json.loads(line)

    def close(self, wait: bool = True) -> None:
        """End the process, which may first clean up, and remove its folder."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()  # a script that reads requests ends here
        try:
            self._process.wait(_ENDING_S if wait else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put(None)
