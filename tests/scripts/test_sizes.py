"""`scripts/sizes` on a checkout of four modules."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(os.name == "nt", reason="scripts/sizes is a shell script")

MODULES = {
    "polycap/__init__.py": "",
    "polycap/errors.py": "def one(a, *, b=1, **more):\n    return a\n",
    "polycap/files/atomic.py": "from polycap.errors import one\nfrom polycap import __version__\n",
    "polycap/photos/load.py": "class A:\n    def of(self, x):\n        import polycap.files.atomic\n        return x\n",
    "polycap/files/late.py": "def late():\n    from polycap import photos\n",
    "scripts/run.py": "from polycap.files.atomic import one\nimport os, polycap\n",
}


def sizes(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "sizes", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_modules_functions_and_arrows(tmp_path: Path) -> None:
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "README.md").write_text("one\ntwo\n")

    readme, modules, functions, parameters, rooms, *listed = sizes(tmp_path, "--arrows").stdout.splitlines()

    assert readme.split() == ["README", "2", "lines"]
    assert modules.split(maxsplit=1)[1] == "5: median 2, p90 4, largest 4 (photos/load.py) lines"
    assert functions.split(maxsplit=1)[1] == "3: median 2, p90 3, largest 3 (photos/load.py:2 of) lines"
    assert parameters.split(maxsplit=1)[1] == "3: median 1, p90 3, largest 3 (errors.py:1 one)"
    assert rooms.split(maxsplit=1)[1] == "5, 6 arrows between them, 1 circles"  # files and photos import one another
    assert [line.split() for line in listed] == [
        ["__init__", "—"],
        ["errors", "—"],
        ["files", "__init__", "errors", "photos"],
        ["photos", "files"],
        ["scripts", "__init__", "files"],
    ]


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    done = sizes(tmp_path)
    assert done.returncode == 2
    assert "has no polycap/__init__.py; name a checkout" in done.stderr


def test_this_checkout() -> None:
    assert sizes().stdout.startswith("README")
