"""Checkouts of polycap to compare, each with its own environment."""

import json
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.options import BenchError

__all__ = ["ROOT", "Checkout", "in_environments", "other_checkout"]

ROOT = Path(__file__).resolve().parent.parent.parent
"""Folder of this checkout."""
_REVISIONS = Path(".cache") / "bench"
"""Folder of the revisions that were taken from git's history, inside the checkout that has it."""
_SITE = "import json, site, sysconfig; print(json.dumps([sysconfig.get_path('purelib'), site.getsitepackages()]))"


@dataclass(frozen=True)
class Checkout:
    """A checkout and the environment that it is measured in.

    Attributes:
        name: its name in tables.
        folder: the checkout.
        python: the interpreter of the environment, which imports polycap from `folder`.
        packages: source of the environment's other packages, as text.
    """

    name: str
    folder: Path
    python: Path
    packages: str

    @property
    def path(self) -> list[Path]:
        """Folders for the beginning of `sys.path`."""
        return [self.folder / "scripts", self.folder]


def other_checkout(wanted: str, root: Path) -> tuple[str, Path]:
    """Return the name and folder of what `--against` names: a checkout's folder, or a git revision of `root`.

    Raises:
        BenchError: it is neither.
    """
    folder = Path(wanted)
    if (folder / "polycap").is_dir():
        return wanted, folder.resolve()
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{wanted}^{{commit}}")
    if found.returncode:
        raise BenchError(
            f"--against {wanted}: neither a checkout of polycap (a folder with polycap/ and scripts/) nor a revision "
            f"of {root}; give one of the two"
        )
    commit = found.stdout.decode().strip()
    return wanted if commit.startswith(wanted) else f"{wanted} ({commit[:9]})", _revision(commit, root)


def _revision(commit: str, root: Path) -> Path:
    """Return the files of a commit, taken from git's history once; no worktree is registered."""
    folder = root / _REVISIONS / commit
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            files = Path(place) / "files.tar"
            made = _git(root, "archive", f"--output={files}", commit)
            if made.returncode:
                raise BenchError(f"git archive {commit}: {made.stderr.decode(errors='replace').strip()}")
            with tarfile.open(files) as archive:
                archive.extractall(Path(place) / "checkout", filter="data")
            (Path(place) / "checkout").rename(folder)
    return folder


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise BenchError("--against: a revision needs git; install it, or give a checkout's folder") from error


@contextmanager
def in_environments(name: str, other: Path, root: Path) -> Iterator[tuple[Checkout, Checkout]]:
    """Yield this checkout and the other one, in temporary environments that are created in the same way.

    An environment has no packages of its own, but shows those of another environment: this one if both checkouts have
    the same requirements, else the `.venv` of the other checkout's `scripts/setup.sh`. So for the same requirements the
    environments differ only in the path of polycap.
    """
    if not (other / "scripts" / "benchmarks").is_dir():
        raise BenchError(f"--against {name}: {other} has no scripts/benchmarks; give a later revision")
    shared = _requirements(root) == _requirements(other)
    packages = Path(sys.executable) if shared else _set_up(other)
    about = "packages of the same environment" if shared else f"packages of its own {packages.parent.parent.name}"
    with tempfile.TemporaryDirectory(prefix="polycap-bench-", ignore_cleanup_errors=True) as place:
        yield (
            Checkout("this checkout", root, _environment(Path(place) / "ours", root, Path(sys.executable)), about),
            Checkout(name, other, _environment(Path(place) / "other", other, packages), about),
        )


def _requirements(checkout: Path) -> Any:
    """Return the requirements of a checkout: its lock file, and the dependencies in pyproject.toml."""
    lock, project = checkout / "scripts" / "requirements.lock", checkout / "pyproject.toml"
    about = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}) if project.is_file() else {}
    names = ("requires-python", "dependencies", "optional-dependencies")
    return lock.read_bytes() if lock.is_file() else None, [about.get(name) for name in names]


def _set_up(checkout: Path) -> Path:
    """Run the checkout's setup script, which does nothing if its environment is up to date."""
    script = checkout / "scripts" / "setup.sh"
    print(f"{checkout} needs other packages: {script} …", file=sys.stderr, flush=True)
    if subprocess.run(["bash", str(script)], stdout=sys.stderr, check=False).returncode:
        raise BenchError(f"{script} failed; see the message above")
    return checkout / ".venv" / "bin" / "python"


def _environment(place: Path, checkout: Path, packages: Path) -> Path:
    """Make an environment that shows polycap of a checkout, and the packages of the environment of `packages`.

    `.pth` files of those packages are not read, so an editable polycap of theirs does not show.
    """
    _run([packages, "-I", "-m", "venv", "--without-pip", place])
    python = place / "bin" / "python"
    [own, _], [_, folders] = (
        json.loads(_run([python, "-I", "-c", _SITE])),
        json.loads(_run([packages, "-I", "-c", _SITE])),
    )
    shown = [str(checkout), *folders]
    Path(own, "polycap-bench.pth").write_text("".join(f"{folder}\n" for folder in shown), encoding="utf-8")
    return python


def _run(command: list[Any]) -> bytes:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    if done.returncode:
        raise BenchError(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
