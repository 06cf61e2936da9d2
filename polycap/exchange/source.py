"""Where a pack file comes from: a file, or an address of the web."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from polycap.download import download
from polycap.errors import PackError
from polycap.exchange.pack_file import MOST_BYTES
from polycap.files import cache_place, digest, expand_home, sha256_file

__all__ = ["public_name", "reach"]

_HEADERS_BYTES = 1 << 16  # what a zip archive has beside its files


@contextmanager
def reach(source: str, sha256: str | None, *, progress: bool) -> Iterator[Path]:
    """The file that `source` names, downloaded if need be; a download is removed afterwards.

    Args:
        source: a path, or an http, https or file URL.
        sha256: the expected hash, in hexadecimal.
        progress: draw a bar on stderr, when that is a terminal.

    Raises:
        PackError: there is no such file, it has another hash, or the address is of no known kind.
        DownloadError: it can't be downloaded; what came is kept, and the next try goes on from there.
    """
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise PackError(f"--sha256 {sha256}: is no SHA-256; give its 64 hexadecimal digits")
    scheme = source.partition("://")[0].lower() if "://" in source else ""
    if scheme in ("http", "https"):
        path = cache_place("downloads") / f"{digest(source)}.polycap"
        download(source, path, sha256=sha256, most_bytes=MOST_BYTES + _HEADERS_BYTES, progress=progress)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)  # installed, or of no use
        return
    if scheme not in ("", "file"):
        raise PackError(f"{source}: {scheme} is not known; give a file, or an http, https or file URL")
    path = _local(source) if scheme else expand_home(source)
    if not path.is_file():
        raise PackError(f"{path}: no such file; name one that `polycap pack` wrote, or its URL")
    if sha256 is not None and (found := sha256_file(path)) != sha256.lower():
        raise PackError(f"{path}: not the expected bytes (expected sha256 {sha256}, received {found}); get it again")
    yield path


def public_name(source: str) -> str:
    """A source's name for a record that others may read: an address without user, password and query."""
    if "://" not in source:
        return Path(source).name
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _local(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise PackError(f"{url}: a file URL of another machine; write file:///path/of/the/file")
    return Path(url2pathname(parts.path))
