"""Headers of the parts of a form: names of fields and of files."""

import re
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header

__all__ = ["part_names"]

_EXTENDED = re.compile(rb";\s*filename\*\s*=\s*\"?(?P<charset>[\w-]+)'[^']*'(?P<name>[^;\"\s]*)", re.IGNORECASE)
_ESCAPED = {b"%22": b'"', b"%0D": b"\r", b"%0A": b"\n"}
"""Escapes of browsers in the name of a file; there are no others, see the HTML standard, multipart/form-data."""


def part_names(disposition: bytes) -> tuple[str, str | None]:
    """Return the names of a part's field and of its file, None without one, by its header `Content-Disposition`.

    Names are UTF-8, as browsers and curl send them, or of the character set that `filename*` names (RFC 5987).
    """
    _, options = parse_options_header(disposition)
    name = _decode(options.get(b"name", b""))
    extended = _EXTENDED.search(disposition)
    if extended:
        latin = extended["charset"].lower() == b"iso-8859-1"
        return name, unquote_to_bytes(extended["name"]).decode("latin-1" if latin else "utf-8", errors="replace")
    if b"filename" not in options:
        return name, None
    escaped = re.sub(rb"%22|%0D|%0A", lambda match: _ESCAPED[match[0]], options[b"filename"])
    return name, _decode(escaped)


def _decode(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
