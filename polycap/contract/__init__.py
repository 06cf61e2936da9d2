"""Checks of language folders, polycap's own and plugins'.

In a plugin's tests::

    from polycap.contract import assert_language

    def test_my_language():
        assert_language("languages/gsw")        # a folder, or the code of a registered language
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polycap.contract.check import assert_language, check_language
    from polycap.contract.report import Check, LanguageReport
    from polycap.contract.scaffold import new_language

__all__ = ["Check", "LanguageReport", "assert_language", "check_language", "new_language"]

_HOMES = {
    "Check": "polycap.contract.report",
    "LanguageReport": "polycap.contract.report",
    "assert_language": "polycap.contract.check",
    "check_language": "polycap.contract.check",
    "new_language": "polycap.contract.scaffold",
}


if not TYPE_CHECKING:  # with `__getattr__`, a type checker would accept any name

    def __getattr__(name):
        """Import a public name from its module on first use."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
        globals()[name] = value = getattr(import_module(_HOMES[name]), name)
        return value
