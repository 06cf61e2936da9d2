"""An installed wheel works without the checkout, and the sdist holds all that the wheel needs."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Installed:
    """A wheel built from a copy of the checkout by way of its sdist, and a fresh environment with it."""

    sdist: Path
    wheel: Path
    environment: Path
    elsewhere: Path

    def run(self, *command: str) -> str:
        """Run a program of the environment in a folder that is not the checkout; what it printed."""
        program = self.environment / ("Scripts" if os.name == "nt" else "bin") / command[0]
        return run(str(program), *command[1:], folder=self.elsewhere)


def run(*command: str, folder: Path) -> str:
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "POLYCAP"))}
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    source = copy_checkout(folder / "source")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), folder=source)
    (sdist,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    shutil.rmtree(source)

    environment = folder / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", str(environment), folder=folder)
    borrow_dependencies(environment)
    python = str(environment / ("Scripts" if os.name == "nt" else "bin") / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel), folder=folder)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    return Installed(sdist, wheel, environment, elsewhere)


def copy_checkout(target: Path) -> Path:
    """What the build reads, so that it leaves nothing behind in the checkout."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("polycap", "languages"):
        shutil.copytree(ROOT / name, target / name, ignore=unwanted)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, target)
    return target


def borrow_dependencies(environment: Path) -> None:
    """Let the environment see this one's packages, but not the checkout: its `.pth` is not read."""
    (site_packages,) = environment.rglob("site-packages")
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "borrowed.pth").write_text("\n".join(sorted(paths)))


def language_codes() -> list[str]:
    """The folders of `languages/` in the checkout."""
    return sorted(path.parent.name for path in (ROOT / "languages").glob("*/language.toml"))


def test_an_index_takes_the_wheel(installed: Installed) -> None:
    # 100 MiB at most, of which the languages to come shall have some
    assert installed.wheel.stat().st_size <= 97_000_000


def test_installed_wheel_lists_the_languages(installed: Installed) -> None:
    listed: list[dict[str, Any]] = json.loads(installed.run("polycap", "languages", "--json"))
    assert "en" in language_codes()
    assert sorted(language["code"] for language in listed) == language_codes()
    for language in listed:
        assert {"code", "name", "native_name", "script", "direction", "status"} <= language.keys()


def test_the_languages_come_from_inside_the_wheel(installed: Installed) -> None:
    code = """if True:
        import polycap
        from polycap.language import get_language
        print(polycap.__file__, get_language("en").folder, sep="\\n")
    """
    for path in installed.run("python", "-c", code).split("\n")[:2]:
        assert Path(path).resolve().is_relative_to(installed.environment.resolve())


def test_wheel_holds_every_module_and_language_file(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "polycap").rglob("*.py")}
    assert not modules - packed, "packages missing from [tool.setuptools] packages in pyproject.toml"
    files = {path.relative_to(ROOT) for path in (ROOT / "languages").rglob("*") if path.is_file()}
    expected = {f"polycap/{path.as_posix()}" for path in files if "__pycache__" not in path.parts}
    assert not expected - packed
    data = [path for folder in ("pages/templates", "photos/pictures") for path in (ROOT / "polycap" / folder).iterdir()]
    assert {"polycap/py.typed", *(path.relative_to(ROOT).as_posix() for path in data)} <= packed
    assert "polycap/pages/templates/captions.html" in packed
    assert "polycap/dataset/flickr8k_names.bin" in packed


def test_sdist_holds_the_languages(installed: Installed) -> None:
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for code in language_codes():
        assert f"languages/{code}/language.toml" in names


def test_lock_pins_every_dependency_and_names_no_host() -> None:
    lock = (ROOT / "scripts" / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    pinned = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    for requirement in wanted:
        name = requirement.partition(">=")[0].partition("[")[0].strip().lower()
        assert name in pinned, f"{requirement}: run scripts/lock"


def test_what_canary_tries_has_upper_bounds() -> None:
    canary = (ROOT / "scripts" / "canary").read_text(encoding="utf-8")
    names = re.findall(r"packages=\((\w+(?: \w+)+)\)", canary)[0].split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    for name in names:
        requirements = [each.partition(";")[0] for each in wanted if re.match(rf"{name}\b(?!-)", each)]
        assert requirements
        assert all(",<" in each for each in requirements), requirements


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "scripts" / name).read_text(encoding="utf-8").splitlines()
    return {package: rest for line in lines if "==" in line for package, _, rest in [line.partition("==")]}


def test_the_demos_lock_is_part_of_the_other_and_has_no_tensorflow() -> None:
    whole, demo = pins("requirements.lock"), pins("requirements-demo.lock")
    versions = {name: rest.split()[0] for name, rest in demo.items()}
    assert versions == {name: whole[name].split()[0] for name in demo}
    assert len(demo) < len(whole)
    assert "platform_machine" in demo["tensorflow"]  # only where OpenVINO has no wheel
    assert "platform_machine" not in whole["tensorflow"]
