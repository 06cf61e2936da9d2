"""The whole examination, in its order."""

from collections.abc import Iterator
from importlib import import_module

from polycap.doctor.finding import Finding, fault
from polycap.errors import PolycapError, reason_of

__all__ = ["CHECKS", "examine"]

CHECKS = {
    "environment": ("versions", "processors", "runtimes", "extras"),
    "places": ("folders", "disks", "memory"),
    "caches": ("graphs", "unpacked", "leftovers", "weights"),
    "languages": ("encoders", "engines", "languages"),
}
"""Checks by module of this room. A module is imported when its turn comes: a package that it needs may be missing."""


def examine() -> Iterator[Finding]:
    """Yield the findings of every check. Writes nothing, and loads neither Keras nor TensorFlow."""
    for module, checks in CHECKS.items():
        for name in checks:
            try:
                yield from getattr(import_module(f"polycap.doctor.{module}"), name)()
            except ImportError as error:
                yield fault("check", name, reason_of(error), "pip install --force-reinstall polycap")
            except (PolycapError, OSError) as error:  # a place that can't be looked at
                yield fault("check", name, reason_of(error), "make that place readable, or name another")
