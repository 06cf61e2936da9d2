"""Child processes, isolated from the current folder and from the user's variables and settings.

A Python child runs `sys.executable -I` in an empty folder, which is also its home folder. So no file of the current
folder, no `PYTHON…` variable, no `usercustomize` and no settings of another library influence its imports or results.
It receives the parent's `sys.path` with its job, without the entry of the current folder: the child can import all that
the parent can.

A frozen application (PyInstaller, cx_Freeze) has no Python to start. It starts itself, and `freeze_support` turns that
process into a child. `polycap.cli.main` calls it; an application with another entry point must call it first.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from polycap.errors import PolycapError

__all__ = [
    "child_environment",
    "find_program",
    "freeze_support",
    "run_child",
    "run_module",
    "run_program",
    "start_child",
    "start_program",
]

_KEPT = {"PATH", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "LC_CTYPE", "TZ"}
# Without these a child may fail to load the libraries of this process, or start more threads than it may.
_KEPT |= {"LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
if sys.platform == "win32":
    _KEPT |= {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT"}
_KEPT_FROZEN = "_PYI_"
"""Prefix of PyInstaller's variables, by which the child finds the files that a one-file application has unpacked."""
_HOMES = ("USERPROFILE", "APPDATA", "LOCALAPPDATA") if sys.platform == "win32" else ("HOME",)

# The first line of standard input is the job; the target may read the rest. The child loads the parent's own polycap,
# also if that lies in the current folder or another version is installed.
_BOOT = f"""
import json, sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
job = json.loads(sys.stdin.buffer.readline())
sys.path[:] = job["path"]
spec = PathFinder.find_spec("polycap", [job["package"]])
if spec is not None:
    sys.modules["polycap"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["polycap"])
from {__name__} import _call
_call(job)
"""
_FROZEN_CHILD = "--polycap-child"
_frozen_entries: list[str] = []  # executables that have called freeze_support


def child_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables of a child: those that the system needs, and `more`."""
    frozen = {name for name in os.environ if _is_frozen() and name.startswith(_KEPT_FROZEN)}
    return {name: value for name, value in os.environ.items() if name in _KEPT | frozen} | dict(more or {})


def find_program(name: str) -> str | None:
    """Return the path of a program in an absolute folder of PATH, never of the current folder; None if not found."""
    folders = [folder for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(folder).is_absolute()]
    path = shutil.which(name, path=os.pathsep.join(folders))
    return path if path and Path(path).is_absolute() else None  # on Windows, `which` also searches the current folder


@contextmanager
def start_program(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, **options: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process in an empty folder that is removed afterwards; kill it at the end.

    Args:
        command: absolute path of the program, and its arguments.
        environment: variables beside those of `child_environment`; without HOME the empty folder is the home folder.
            (default: none)
        options: options of `subprocess.Popen`, such as `stdout`.

    Raises:
        PolycapError: the process can't be started.
    """
    with _empty_folder() as folder:
        variables = child_environment({**dict.fromkeys(_HOMES, folder), **(environment or {})})
        try:
            process = subprocess.Popen(command, cwd=folder, env=variables, **options)
        except (OSError, ValueError) as error:
            raise PolycapError(f"{command[0]}: can't be started ({error})") from error
        try:
            yield process
        finally:
            process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):  # the process ended before it had read everything
                        stream.close()
            process.wait()


def run_program(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program and wait for its end. See `start_program`.

    Raises:
        PolycapError: it can't be started.
        subprocess.TimeoutExpired: it did not end in time.
    """
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start_program(command, environment=environment, stdin=subprocess.DEVNULL, **output) as process:
        return _finish(process, timeout_s)


@contextmanager
def start_child(
    target: str, job: Any, *, environment: Mapping[str, str] | None = None, **options: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process that calls a function, in an empty folder that is removed afterwards; kill it at the end.

    Args:
        target: `module:function`; the function is called with `job`, and may read standard input.
        job: JSON-serialisable value.
        environment: variables beside those of `child_environment`; without HOME the empty folder is the home folder.
            (default: none)
        options: options of `subprocess.Popen`, such as `stdout`.

    Raises:
        PolycapError: the process can't be started.
    """
    line = json.dumps({"path": _path(), "package": _package(), "target": target, "job": job}).encode() + b"\n"
    with start_program(_command(), environment=environment, stdin=subprocess.PIPE, **options) as process:
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # the process has ended already; its exit status tells
            process.stdin.write(line)
            process.stdin.flush()
        yield process


def run_child(
    target: str, job: Any, *, environment: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """Call a function in a child process, and wait for its end.

    Args:
        target, job, environment: as in `start_child`.
        timeout_s: seconds after which the process is killed. (default: no limit)

    Returns:
        Exit status, and the text of stdout and stderr.

    Raises:
        PolycapError: the process can't be started.
        subprocess.TimeoutExpired: the process did not end in time.
    """
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start_child(target, job, environment=environment, **output) as process:
        return _finish(process, timeout_s)


def run_module(job: dict[str, Any]) -> None:
    """Run `job["module"]` with `job["arguments"]`, as `python -m` does; a target for `run_child`."""
    import runpy

    sys.argv = [job["module"], *job["arguments"]]
    runpy.run_module(job["module"], run_name="__main__", alter_sys=True)


def freeze_support() -> None:
    """Run the job and exit, if this process is the child of a frozen application. Must be called before all else."""
    if not _is_frozen():
        return
    import multiprocessing

    multiprocessing.freeze_support()
    if sys.argv[1:2] == [_FROZEN_CHILD]:
        _call(json.loads(sys.stdin.buffer.readline()))
        sys.exit()
    _frozen_entries.append(sys.executable)


def _is_frozen() -> bool:
    return bool(getattr(sys, "frozen", False))


def _command() -> list[str]:
    """Return the command line of a child."""
    if not sys.executable:
        raise PolycapError("sys.executable is empty: there is no Python to start a process with; set it to one")
    if not _is_frozen():
        return [sys.executable, "-I", *_flags(), "-c", _BOOT]
    if not _frozen_entries:
        raise PolycapError(
            "this frozen application has not called polycap.machine.child.freeze_support(), without which it can't "
            "start a process of its own; call it before all else, or ship a filled cache and set POLYCAP_CACHE to it"
        )
    return [sys.executable, _FROZEN_CHILD]


def _flags() -> Iterator[str]:
    """Yield the interpreter's options that a child shares: `-I` ignores the variables that set them."""
    if sys.dont_write_bytecode:
        yield "-B"
    if sys.flags.no_site:
        yield "-S"
    if sys.flags.utf8_mode:
        yield from ("-X", "utf8")
    if sys.pycache_prefix:
        yield from ("-X", f"pycache_prefix={os.path.abspath(sys.pycache_prefix)}")  # noqa: PTH100


def _call(job: dict[str, Any]) -> None:
    module, _, name = job["target"].partition(":")
    getattr(import_module(module), name)(job["job"])


def _finish(process: "subprocess.Popen[bytes]", timeout_s: float | None) -> "subprocess.CompletedProcess[str]":
    out, err = (text.decode(errors="replace") for text in process.communicate(timeout=timeout_s))
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextmanager
def _empty_folder() -> Iterator[str]:
    """Yield an empty temporary folder; if none can be created, the root folder, which has no modules either."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="polycap-", ignore_cleanup_errors=True))
        except OSError:
            folder = os.path.abspath(os.sep)  # noqa: PTH100
        yield folder


def _package() -> str:
    """Return the folder or archive that contains this package."""
    return str(Path(sys.modules["polycap"].__path__[0]).absolute().parent)


def _path() -> list[str]:
    """Return this process' `sys.path`, made absolute, without the current folder.

    A folder of installed packages is kept, also if it is the current one.
    """
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return [entry for entry in sys.path if isinstance(entry, str) and Path(entry).is_absolute()]
    entries = [str(here / entry) for entry in sys.path if isinstance(entry, str) and entry]
    installed = {os.path.realpath(folder) for folder in sysconfig.get_paths().values()}
    dropped = {os.path.realpath(here)} - installed
    return [entry for entry in entries if os.path.realpath(entry) not in dropped]
