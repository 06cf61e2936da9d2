"""Whole commands as a stranger runs them: among files named like modules, under other libraries' settings, spied upon.

No file of the current folder is run, no host is looked up, and the home gets polycap's cache and no more.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest

import polycap
from tiny import CODE, OTHER_CODE, RECIPE, World

pytest_plugins = ["tiny_fixtures"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs are shell scripts here")

ROOT = Path(polycap.__path__[0]).parent
CONSOLE_SCRIPT = "import sys\nfrom polycap.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
POISON = "open({marker!r}, 'a').write(__name__ + '\\n')\nraise ImportError('poison')\n"
OPTIONAL = ("jax", "pandas", "sitecustomize", "torch", "usercustomize")
"""Modules that libraries try to import and do without."""
SPY = """
import sys
def spy(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"):
        with open({log!r}, "a") as stream:
            stream.write(event + " " + repr(arguments[:2]) + "\\n")
sys.addaudithook(spy)
"""
SPY_ON_CHILDREN = "import polycap.machine.child\npolycap.machine.child._BOOT = {spy!r} + polycap.machine.child._BOOT\n"
APERTIUM = """#!/bin/sh
case "$1" in
-l) echo eng-spa ;;
-V) echo 3 ;;
*) ls -A >>"{log}"; cat ;;
esac
"""


@dataclass(frozen=True)
class Stranger:
    """A place in which commands are run.

    Attributes:
        folder: the current folder, full of poison.
        home: the user's home, empty at first.
        environment: variables of the commands.
        marker: lists the poison that was run.
        log: lists the connections and look-ups of the commands and of their children.
    """

    folder: Path
    home: Path
    environment: dict[str, str]
    marker: Path
    log: Path

    def run(self, *arguments: object, **variables: str) -> str:
        """The output of a command by the console script, which must succeed."""
        command = self.command(*arguments)
        environment = self.environment | variables
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def command(self, *arguments: object) -> list[str]:
        """A command line of the console script."""
        return [sys.executable, str(self.folder.parent / "bin" / "polycap"), *map(str, arguments)]


def poison(folder: Path, marker: Path) -> None:
    """Put a file into `folder` for every module that Python, an installed package or polycap can import."""
    for name in filter(str.isidentifier, {*sys.stdlib_module_names, *packages_distributions(), *OPTIONAL, "polycap"}):
        (folder / f"{name}.py").write_text(POISON.format(marker=str(marker)))


@pytest.fixture(scope="module")
def place(finished_world: World, tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """Where nothing was run yet, and nothing is cached."""
    base = tmp_path_factory.mktemp("stranger")
    folder, home, spies, programs = (base / name for name in ("folder", "home", "spies", "bin"))
    for path in (folder, home, spies, programs):
        path.mkdir()
    stranger = Stranger(folder, home, {}, base / "poisoned", base / "spied")
    poison(folder, stranger.marker)
    shutil.copy(finished_world.data / "Images" / "p00.jpg", folder / "photo.jpg")
    (programs / "polycap").write_text(CONSOLE_SCRIPT)
    (programs / "apertium").write_text(APERTIUM.format(log=base / "apertium's folder"))
    (programs / "apertium").chmod(0o755)
    spy = SPY.format(log=str(stranger.log))
    (spies / "sitecustomize.py").write_text(spy + SPY_ON_CHILDREN.format(spy=spy))
    stranger.environment.update(
        HOME=str(home),
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
        PYTHONPATH=f"{spies}{os.pathsep}{ROOT}",
        POLYCAP_LANGUAGES=str(finished_world.places),
        POLYCAP_ENCODER=str(finished_world.encoder),
        ONEDNN_DEFAULT_FPMATH_MODE="STRICT",
    )
    return stranger


@pytest.fixture(scope="module")
def stranger(place: Stranger, finished_world: World) -> Stranger:
    """The place after caption, features, train, translate and serve, with nothing cached at first."""
    data = finished_world.data
    recipe = [f"--set={name}={value}" for name, value in (RECIPE.model_dump() | {"epochs": 1}).items()]
    caption = place.run("caption", "photo.jpg", "--language", CODE)
    place.run("features", three_photos(place), "--out", "made", "--no-mirrored")
    place.run("train", CODE, "--data", data, "--features", finished_world.features, "--out", "run", *recipe)
    place.run("translate", OTHER_CODE, "--data", data, "--engine=apertium", "--source=eng", "--target=spa")
    with serving(place) as url, (place.folder / "photo.jpg").open("rb") as photo:
        answer = httpx.post(f"{url}/v1/captions", files={"photos": photo}, timeout=60, trust_env=False)
    assert caption == f"photo.jpg\t{answer.json()[0]['caption']}\n"
    return place


def three_photos(place: Stranger) -> Path:
    """A dataset of three photos, each captioned once."""
    data = place.folder / "data"
    (data / "Images").mkdir(parents=True)
    names = [f"{number}.jpg" for number in range(3)]
    for name in names:
        shutil.copy(place.folder / "photo.jpg", data / "Images" / name)
    (data / "captions.txt").write_text("".join(["image,caption\n", *(f"{name},a photo\n" for name in names)]))
    return data


@contextmanager
def serving(place: Stranger) -> Iterator[str]:
    """The address of `polycap serve`, which runs meanwhile."""
    command = place.command("serve", "--port", 0, "--language", CODE)
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=place.environment, cwd=place.folder
    ) as process:
        assert process.stderr
        line = process.stderr.readline()
        found = re.match(r"polycap: (http://127\.0\.0\.1:\d+); ", line)
        if not found:
            process.kill()
        assert found, line
        try:
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == ""


def test_no_file_of_the_current_folder_is_run(stranger: Stranger) -> None:
    assert not stranger.marker.exists(), stranger.marker.read_text()
    assert (stranger.folder.parent / "apertium's folder").read_text() == ""  # which is not this one either


def test_poison_would_be_seen(tmp_path: Path) -> None:
    poison(tmp_path, tmp_path / "marker")
    subprocess.run([sys.executable, "-c", "import json"], cwd=tmp_path, stderr=subprocess.DEVNULL, check=False)
    assert (tmp_path / "marker").read_text() == "json\n"


def test_python_m_polycap_runs_none_either(place: Stranger) -> None:
    """But for `polycap.py` itself, which Python finds before there is anything of polycap."""
    (place.folder / "polycap.py").unlink(missing_ok=True)
    command = [sys.executable, "-m", "polycap", "languages"]
    done = subprocess.run(command, cwd=place.folder, env=place.environment, capture_output=True, text=True, check=True)
    assert CODE in done.stdout
    assert not place.marker.exists(), place.marker.read_text()


def test_nobody_is_called(stranger: Stranger) -> None:
    [asked] = stranger.log.read_text().splitlines()
    assert asked == "socket.getaddrinfo ('127.0.0.1', 0)"  # where `serve` listens


def test_the_spy_would_see(stranger: Stranger, tmp_path: Path) -> None:
    """Also in a child of a child."""
    code = (
        "import polycap.machine.child, socket\n"
        "socket.getaddrinfo('127.0.0.1', 80)\n"
        "print(polycap.machine.child.run_child('socket:gethostbyname', '127.0.0.1').stderr)"
    )
    environment = stranger.environment | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    boot = (stranger.folder.parent / "spies" / "sitecustomize.py").read_text()
    (tmp_path / "sitecustomize.py").write_text(boot.replace(str(stranger.log), str(tmp_path / "log")))
    subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL, check=True)
    assert [line.split()[0] for line in (tmp_path / "log").read_text().splitlines()] == [
        "socket.getaddrinfo",
        "socket.gethostbyname",
    ]


def test_the_home_gets_the_cache_alone(stranger: Stranger) -> None:
    assert [path.name for path in stranger.home.iterdir()] == [".cache"]
    assert [path.name for path in (stranger.home / ".cache").iterdir()] == ["polycap"]
