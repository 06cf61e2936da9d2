"""Hashes of modules by what they compute: an edited function is another one, an edited comment or docstring is not.

They are of bytecode, which an installation of `.pyc` files and a frozen application have, too: the same code has the
same hash there as from its sources, by the same Python.
"""

import hashlib
import inspect
import opcode
import sys
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any

from polycap.files import sha256_file

__all__ = ["module_digest"]

_HAS_DOCSTRING = 0x4000000
"""CPython's flag of functions, from 3.13 on; before, the first constant is the docstring or None."""
_LOAD_CONST, _STORE_NAME = opcode.opmap["LOAD_CONST"], opcode.opmap["STORE_NAME"]


def module_digest(name: str) -> str:
    """A hash of the module `polycap.…`, without importing it."""
    spec = find_spec(name)
    assert spec is not None, name
    code = spec.loader.get_code(name) if spec.loader is not None and hasattr(spec.loader, "get_code") else None
    if code is None:  # compiled by Cython or mypyc
        return sha256_file(Path(str(spec.origin)))
    return hashlib.sha256(repr(_describe(code)).encode()).hexdigest()


def _describe(code: CodeType) -> list[Any]:
    """All that decides what the code does; neither its file nor its lines."""
    docstring = _docstring(code)
    constants = [None if place == docstring else _constant(value) for place, value in enumerate(code.co_consts)]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    arguments = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount]
    return [code.co_code, constants, names, arguments]


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _describe(value)
    if isinstance(value, tuple):
        return [_constant(part) for part in value]
    if isinstance(value, frozenset):  # whose order differs from process to process
        return sorted(map(repr, value))
    return value


def _docstring(code: CodeType) -> int | None:
    """The place of the docstring among the constants."""
    if code.co_flags & inspect.CO_OPTIMIZED:  # a function, a lambda or a comprehension
        if sys.version_info >= (3, 13):
            has_docstring = bool(code.co_flags & _HAS_DOCSTRING)
        else:
            has_docstring = not code.co_name.startswith("<") and isinstance(code.co_consts[0], str)
        return 0 if has_docstring else None
    if "__doc__" not in code.co_names:
        return None
    stores = bytes([_STORE_NAME, code.co_names.index("__doc__")])
    place = code.co_code.find(stores)  # near the start, where no argument is longer than a byte
    return code.co_code[place - 1] if place > 0 and code.co_code[place - 2] == _LOAD_CONST else None
