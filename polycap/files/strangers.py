"""JSON and TOML that strangers may have written, read with limits: size, nesting, length of a line, parts of a key.

Python's parsers have none: `json` and `tomllib` raise RecursionError for deep nesting, or hand on values that are too
deep to be printed; `tomllib` takes quadratic time and memory for keys of many parts (40 KB: 38 s, 2 GB).
"""

import json
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from polycap.errors import PolycapError

__all__ = ["MOST_JSON_BYTES", "OWN_JSON_BYTES", "parse_json", "parse_toml", "read_json", "read_limited", "read_toml"]

MOST_JSON_BYTES = 64_000_000
"""Size of JSON, at most."""

OWN_JSON_BYTES = 4_000_000_000
"""Size of JSON that grows with a user's own photos, at most."""

MOST_TOML_BYTES = 1_000_000
MOST_DEPTH = 64
MOST_LINE = 100_000
"""Length of a line of TOML, characters, at most."""

MOST_PARTS = 16
"""Parts of a key of TOML, and brackets inside each other, at most."""

# Strings and comments. A string without an end goes to the end of its line, or of the text: the pattern stays linear.
_TEXT = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*+(?:"{3,5}|\\?\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{MOST_PARTS}}}")
_BRACKET = re.compile(r"[\[\]{}]")


def parse_json(text: str | bytes, *, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """Return the value of a JSON text.

    Args:
        text: the text; bytes are UTF-8.
        most_bytes: maximum size, bytes or characters. (default: 64 MB)

    Raises:
        ValueError: it is not JSON, or is larger or deeper than the limits.
    """
    _check_size(text, most_bytes)
    try:
        value = json.loads(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError(f"it is nested more than {MOST_DEPTH} deep") from error
    _check_depth(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML text.

    Raises:
        ValueError: it is not TOML, or is larger or deeper than the limits, or has longer lines or keys.
    """
    _check_size(text, MOST_TOML_BYTES)
    if max(map(len, text.split("\n"))) > MOST_LINE:
        raise ValueError(f"a line has more than {MOST_LINE:,} characters")
    bare = _TEXT.sub(lambda match: "" if match[0].startswith("#") else "s", text)
    if _LONG_KEY.search(bare):
        raise ValueError(f"a key has more than {MOST_PARTS} parts")
    depth = 0
    for match in _BRACKET.finditer(bare):
        depth = depth + 1 if match[0] in "[{" else max(0, depth - 1)
        if depth > MOST_PARTS:
            raise ValueError(f"brackets are more than {MOST_PARTS} deep")
    return tomllib.loads(text)


def read_limited(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        OSError: it can't be read, or is no regular file: a pipe would be waited for, and a device has no end.
        ValueError: it is larger than `most_bytes`.
    """
    status = path.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(None, "it is no regular file", os.fspath(path))
    with path.open("rb") as stream:
        content = stream.read(most_bytes + 1)
    _check_size(content, most_bytes)
    return content


def read_json(path: Path, error_type: type[PolycapError], *, most_bytes: int = MOST_JSON_BYTES) -> dict[str, Any]:
    """Return the JSON object in `path`.

    Args:
        path: file.
        error_type: type of the error.
        most_bytes: maximum size of the file. (default: 64 MB)

    Raises:
        error_type: the file is missing, is not JSON, is not an object, or is above the limits.
    """
    try:
        value = parse_json(read_limited(path, most_bytes), most_bytes=most_bytes)
    except OSError as error:
        raise error_type(f"{path}: can't be read ({error.strerror})") from error
    except ValueError as error:
        raise error_type(f"{path}: is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise error_type(f"{path}: holds a {type(value).__name__}; expected a JSON object")
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """Return the table in a TOML file.

    Raises:
        OSError: the file can't be read.
        ValueError: it is not TOML in UTF-8, or is above the limits.
    """
    return parse_toml(read_limited(path, MOST_TOML_BYTES).decode("utf-8"))


def _check_size(text: str | bytes, most: int) -> None:
    if len(text) > most:
        raise ValueError(f"it is larger than {most:,} bytes")


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MOST_DEPTH):
        children = (child for item in level for child in (item.values() if isinstance(item, dict) else item))
        level = [child for child in children if isinstance(child, dict | list)]
        if not level:
            return
    raise ValueError(f"it is nested more than {MOST_DEPTH} deep")
