"""Hashes of modules by their bytecode: an edited function changes the hash, an edited comment or docstring does not.

Installations of `.pyc` files and frozen applications have bytecode, too. With the same Python version, the same code
has the same hash there as from its sources.
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
"""Flag of functions with a docstring, from CPython 3.13 on; before, the first constant is the docstring or None."""
_LOAD_CONST, _STORE_NAME = opcode.opmap["LOAD_CONST"], opcode.opmap["STORE_NAME"]


def module_digest(name: str) -> str:
    """Return the hash of a module, such as `polycap.decoder.lstm`, without importing it."""
    spec = find_spec(name)
    assert spec is not None, name
    code = spec.loader.get_code(name) if spec.loader is not None and hasattr(spec.loader, "get_code") else None
    if code is None:  # compiled by Cython or mypyc
        return sha256_file(Path(str(spec.origin)))
    return hashlib.sha256(repr(_describe(code)).encode()).hexdigest()


def _describe(code: CodeType) -> list[Any]:
    """Return all parts of a code object that decide its effect, without its file and line numbers."""
    docstring = _docstring(code)
    constants = [None if index == docstring else _constant(value) for index, value in enumerate(code.co_consts)]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    arguments = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount]
    return [code.co_code, constants, names, arguments]


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _describe(value)
    if isinstance(value, tuple):
        return [_constant(part) for part in value]
    if isinstance(value, frozenset):  # its order differs between processes
        return sorted(map(repr, value))
    return value


def _docstring(code: CodeType) -> int | None:
    """Return the index of the docstring among the constants; None without one."""
    if code.co_flags & inspect.CO_OPTIMIZED:  # a function, a lambda or a comprehension
        if sys.version_info >= (3, 13):
            has_docstring = bool(code.co_flags & _HAS_DOCSTRING)
        else:
            has_docstring = not code.co_name.startswith("<") and isinstance(code.co_consts[0], str)
        return 0 if has_docstring else None
    if "__doc__" not in code.co_names:
        return None
    stores = bytes([_STORE_NAME, code.co_names.index("__doc__")])
    position = code.co_code.find(stores)  # near the start, where no argument is longer than a byte
    return code.co_code[position - 1] if position > 0 and code.co_code[position - 2] == _LOAD_CONST else None
