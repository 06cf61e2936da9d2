"""Sources of pack files: paths and URLs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from polycap.errors import PackError
from polycap.files import cache_place, digest, expand_home, sha256_file
from polycap.files.download import download
from polycap.files.leftovers import DAY, sweep
from polycap.pack.pack_file import MOST_BYTES

__all__ = ["open_source", "redacted"]

_HEADERS_BYTES = 1 << 16  # maximum size of a zip archive's headers


@contextmanager
def open_source(source: str, sha256: str | None, *, progress: bool | None) -> Iterator[tuple[Path, str]]:
    """Yield path and SHA-256 of a pack file; download it from a URL, and remove the download afterwards.

    Args:
        source: path, or http, https or file URL.
        sha256: expected hash, hexadecimal; None to check none.
        progress: whether to draw a progress bar on stderr; None if it is a terminal.

    Raises:
        PackError: the file does not exist, has another hash, or the URL is of an unknown kind.
        DownloadError: the file can't be downloaded; the next call resumes the download.
    """
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise PackError(f"`sha256` {sha256}: is no SHA-256; give its 64 hexadecimal digits")
    scheme = source.partition("://")[0].lower() if "://" in source else ""
    if scheme in ("http", "https"):
        path = cache_place("downloads") / f"{digest(source)}.polycap"
        sweep(path.parent, r".+\.part(\.json)?", 30 * DAY)
        download(source, path, sha256=sha256, most_bytes=MOST_BYTES + _HEADERS_BYTES, progress=progress)
        try:
            yield path, sha256.lower() if sha256 else sha256_file(path)
        finally:
            path.unlink(missing_ok=True)
        return
    if scheme not in ("", "file"):
        raise PackError(f"{source}: {scheme} is not known; give a file, or an http, https or file URL")
    path = _local(source) if scheme else expand_home(source)
    if not path.is_file():
        raise PackError(f"{path}: no such file; name one that `polycap pack` wrote, or its URL")
    received = sha256_file(path)
    if sha256 is not None and received != sha256.lower():
        raise PackError(f"{path}: not the expected bytes (expected sha256 {sha256}, received {received}); get it again")
    yield path, received


def redacted(source: str) -> str:
    """Return a source's name for public records: a file's name, or a URL without user, password and query."""
    if "://" not in source:
        return Path(source).name
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _local(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise PackError(f"{url}: a file URL of another machine; write file:///path/of/the/file")
    return Path(url2pathname(parts.path))
