"""Every process that polycap starts: isolated from the current folder, and from the caller's variables and settings.

A child runs `sys.executable -I` in an empty folder of its own, so that no file of the current folder, no `PYTHON…`
variable and no `usercustomize` decides what it imports. It gets the parent's `sys.path` with its job, without the entry
that stands for the current folder: what the parent can import, the child can.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["child_environment", "run_child", "start_child"]

_KEPT = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
_KEPT_WINDOWS = ("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "COMSPEC", "PATHEXT")

# The first line of standard input is the job; what follows it is the target's to read.
_BOOT = """
import json, sys
job = json.loads(sys.stdin.buffer.readline())
sys.path[:] = job["path"]
from importlib import import_module
module, _, name = job["target"].partition(":")
getattr(import_module(module), name)(job["job"])
"""


def child_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of a child: those that a system needs, and `more`."""
    names = {*_KEPT, *(_KEPT_WINDOWS if sys.platform == "win32" else ())}
    return {name: value for name, value in os.environ.items() if name in names} | dict(more or {})


@contextmanager
def start_child(
    target: str, job: Any, *, environment: Mapping[str, str] | None = None, **options: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process that calls a function, in an empty folder that is removed afterwards; kill it at the end.

    Args:
        target: `module:function`; the function is called with `job`, and may read standard input.
        job: what JSON can hold.
        environment: variables beside those of `child_environment`.
        options: of `subprocess.Popen`, such as `stdout`.
    """
    with tempfile.TemporaryDirectory(prefix="polycap-", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-I", "-c", _BOOT]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, cwd=folder, env=child_environment(environment), **options
        )
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"path": _path(), "target": target, "job": job}).encode() + b"\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait()


def run_child(
    target: str, job: Any, *, environment: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """Call a function in a process of its own, and wait for its end.

    Args:
        target, job, environment: as in `start_child`.
        timeout_s: seconds after which it is killed.

    Returns:
        Its exit status and what it printed.

    Raises:
        subprocess.TimeoutExpired: it did not end in time.
    """
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start_child(target, job, environment=environment, **output) as process:
        out, err = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode(errors="replace"))


def _path() -> list[str]:
    """This process' `sys.path` without the current folder, and at its end where this package lies."""
    here = os.path.abspath(os.curdir)  # noqa: PTH100
    found = [entry for entry in sys.path if entry and os.path.abspath(entry) != here]  # noqa: PTH100
    package = str(Path(__file__).resolve().parent.parent)
    return [*found, *([] if package in found else [package])]
