"""A language from nothing: by the README as it is written, and as a package of somebody else's."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytest_plugins = ["tiny_fixtures"]

SAMPLES = [
    "E rote Kreis uf wiissem Grund.",
    "Es chliises Quadrat, ganz schwarz.",
    "De blaui Balke gaht quer dur s Bild.",
    "Do isch en grüene Kreis!",
    "S Quadrat isch blau und d Linie rot.",
]
COLOURS = {"red": "root", "green": "grüen", "blue": "blau", "black": "schwarz"}
SHAPES = {"circle": "Kreis", "square": "Quadrat", "bar": "Balke"}


def readme_commands() -> list[str]:
    """The commands of README's "Add your language"."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Add your language\n")[1].split("\n## ")[0]
    assert len(section.strip().splitlines()) < 15, "the README promises to be short"
    block = re.search(r"```console\n(.*?)```", section, re.S)
    assert block
    return [line.removeprefix("$ ") for line in block[1].splitlines()]


def write_captions(data: Path, target: Path) -> None:
    """The English captions' facts in other words, five a photo, as `image#i<TAB>caption`."""
    lines = []
    rows = (data / "captions.txt").read_text(encoding="utf-8").splitlines()[1:]
    for number, row in enumerate(rows):
        name, caption = row.split(",", 1)
        colour = next((other for word, other in COLOURS.items() if word in caption), "")
        shape = next((other for word, other in SHAPES.items() if word in caption), "")
        lines.append(f"{name}#{number % 5}\tDo isch en {shape}, und er isch {colour}.")
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_samples(folder: Path) -> None:
    (folder / "samples.toml").write_text(f"samples = {json.dumps(SAMPLES, ensure_ascii=False)}\n", encoding="utf-8")


@pytest.fixture
def shell(tmp_path: Path, encoder_folder: Path) -> dict[str, str]:
    """An environment in which `polycap` is this checkout's, its encoder random, and nothing of ours is set."""
    programs = tmp_path / "bin"
    programs.mkdir()
    polycap = programs / "polycap"
    polycap.write_text(f'#!/bin/sh\nexec {sys.executable} -W error::FutureWarning -m polycap "$@"\n')
    polycap.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POLYCAP_", "PYTHON"))}
    return {
        **kept,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", ""),
        "POLYCAP_ENCODER": str(encoder_folder),
        "POLYCAP_CACHE": str(tmp_path / "cache"),
        "ARGOS_PACKAGE_INDEX": "http://127.0.0.1:9/",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    """What a command of a shell printed; it must succeed."""
    done = subprocess.run(["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_readme_as_written(tmp_path: Path, tiny_data: Path, shell: dict[str, str]) -> None:
    """From an empty folder to captions and a score, by the README's four commands."""
    commands = readme_commands()
    assert len(commands) == 4
    desk = tmp_path / "desk"
    desk.mkdir()
    shutil.copytree(tiny_data, desk / "data")
    shutil.copy(tiny_data / "Images" / "p00.jpg", desk / "photo.jpg")
    write_captions(tiny_data, desk / "gsw.txt")
    export, new, build, caption = commands

    assert run(f"{export}\n{new}", desk, shell) == "mine/gsw\n"
    write_samples(desk / "mine" / "gsw")
    built = run(f"{export}\npolycap check gsw\n{build}", desk, shell)
    assert re.search(r"BLEU-4 +\d+\.\d\d", built), built
    name, text = run(f"{export}\n{caption}", desk, shell).rstrip("\n").split("\t")
    assert name == "photo.jpg"
    assert text
    assert set(text) <= set((desk / "gsw.txt").read_text(encoding="utf-8").lower())  # in the letters that it learned

    listed = json.loads(run(f"{export}\npolycap languages --json", desk, shell))
    assert [row["status"] for row in listed if row["code"] == "gsw"] == ["trained"]
    assert run(f"{export}\npolycap check gsw", desk, shell).count("ok") >= 6


PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "polycap-qaa"
version = "1.0"

[project.entry-points."polycap.languages"]
qaa = "polycap_qaa"

[tool.setuptools]
packages = ["polycap_qaa"]
package-data = {polycap_qaa = ["*"]}
"""


def test_a_language_as_a_package(tmp_path: Path, shell: dict[str, str]) -> None:
    """A made-up language, scaffolded, packaged with an entry point, installed, and found."""
    source = tmp_path / "source"
    source.mkdir()
    run('polycap new qaa "Qaa" --place .', source, shell)
    write_samples(source / "qaa")
    (source / "qaa").rename(source / "polycap_qaa")
    (source / "polycap_qaa" / "__init__.py").touch()
    (source / "pyproject.toml").write_text(PROJECT)
    site = tmp_path / "site"
    pip = f"{sys.executable} -m pip --disable-pip-version-check install --quiet --no-deps --no-index"
    run(f"{pip} --no-build-isolation --target {site} .", source, shell)
    shutil.rmtree(source)

    shell["PYTHONPATH"] += f"{os.pathsep}{site}"
    desk = tmp_path / "desk"
    desk.mkdir()
    listed = {row["code"]: row for row in json.loads(run("polycap languages --json", desk, shell))}
    assert (listed["qaa"]["native_name"], listed["qaa"]["status"]) == ("Qaa", "untrained")
    [report] = json.loads(run("polycap check qaa --json", desk, shell))
    assert report["folder"] == str(site / "polycap_qaa")
    assert report["ok"] is True
