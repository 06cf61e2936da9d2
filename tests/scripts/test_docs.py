"""`scripts/docs` finds what lacks a docstring. `.ci/run` makes the reference itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytest.importorskip("pdoc", reason="needs pdoc, of the dev extra")

MODULE = '''
"""A module."""

from dataclasses import dataclass

__all__ = ["__version__", "bare", "Bare", "Derived", "Documented"]
__version__ = "1"


def bare(): ...


class Bare:
    def method(self): ...


@dataclass
class Documented(Exception):
    """A class.

    Attributes:
        size, weight: in metres and kilograms; `age` in years.
    """

    size: int
    weight: int
    age: int
    other: int
    _hidden: int

    @property
    def double(self) -> int:
        """Twice the size."""
        return 2 * self.size


class Derived(Documented):
    """A class with inherited attributes.

    Attributes:
        extra: its own.
    """

    extra: int = 1
'''


def test_names_and_members_without_a_docstring(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(MODULE)
    code = "import docs, small; docs.load_names(small); print(*sorted(docs.undocumented(small)))"
    path = os.pathsep.join(map(str, (ROOT, ROOT / "scripts", tmp_path, *sys.path)))
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True)
    derived = "small.Derived.other"  # size, weight and age are documented in the base class
    faults = ["small.Bare", "small.Bare.method", derived, "small.Documented.other", "small.bare"]
    assert done.stdout.split() == faults, done
