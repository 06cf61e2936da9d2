"""Resumable downloads, checked by hash."""

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from polycap.errors import DownloadError
from polycap.files.folders import make_folder
from polycap.files.locks import wait_for_lock
from polycap.files.progress import progress_bar
from polycap.files.redirects import redirect_hooks
from polycap.files.strangers import parse_json

__all__ = ["download"]

_CONNECT_S = 5.0
_RESUMES = 5
"""Maximum number of resumed connections; each must have received data before it broke."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """Arguments of `download`, and the paths of its unfinished file."""

    url: str
    path: Path
    expected: dict[str, str]
    timeout_s: float
    description: str
    progress: bool | None
    most_bytes: int | None = None

    @property
    def part(self) -> Path:
        return self.path.with_name(self.path.name + ".part")

    @property
    def lock(self) -> Path:
        return self.path.with_name(self.path.name + ".part.lock")

    @property
    def info(self) -> Path:
        """JSON file with the address and the validator (entity tag or date) of the part."""
        return self.path.with_name(self.path.name + ".part.json")

    def error(self, reason: str) -> DownloadError:
        """Return the error of a failed transfer, on one line, with the fix."""
        return DownloadError(
            f"{self.url}: download failed ({' '.join(reason.split())}); check the address and the connection "
            f"and run it again, or save the file as {self.path} yourself"
        )


def download(
    url: str,
    path: Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    timeout_s: float = 10.0,
    description: str = "",
    progress: bool | None = None,
    most_bytes: int | None = None,
) -> Path:
    """Download `url` to `path`, and return `path`.

    The write is atomic: `path` holds the old file or the whole new one.

    An existing file with the expected hash (or, without a hash, any existing file) is kept, without a connection. A
    broken transfer leaves `path.name + ".part"`, which the next call resumes if the server still has the same file. A
    second process that downloads the same file waits for the first.

    Args:
        url: http or https address.
        path: target file; its folder is created.
        md5, sha256: expected hash, hexadecimal. (default: not checked)
        timeout_s: seconds without data before giving up; connecting takes 5 at most. (default: 10)
        description: title of the progress bar. (default: the file's name)
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)
        most_bytes: maximum size; a larger file is an error and is removed. (default: no limit)

    Raises:
        DownloadError: the address can't be reached or answers with an error, the transfer breaks, the disk can't be
            written, or the file is larger than `most_bytes` or has another hash.
    """
    expected = {name: value.lower() for name, value in (("md5", md5), ("sha256", sha256)) if value}
    job = _Job(url, path, expected, timeout_s, description, progress, most_bytes)
    make_folder(path.parent)
    try:
        if not _is_there(job):
            with _locked(job):
                _load(job)
    except OSError as error:
        raise DownloadError(f"{path}: can't be written ({error.strerror}); choose another") from error
    return path


def _is_there(job: _Job) -> bool:
    return job.path.is_file() and not _mismatch(job.path, job.expected)


def _mismatch(path: Path, expected: dict[str, str]) -> str:
    """Return how a file's hash differs from the expected one; empty if it does not."""
    for name, value in expected.items():
        with path.open("rb") as stream:
            received = hashlib.file_digest(stream, name).hexdigest()
        if received != value:
            return f"expected {name} {value}, received {received}"
    return ""


@contextmanager
def _locked(job: _Job) -> Iterator[None]:
    """Lock the part file against other processes; afterwards remove it if it is empty."""
    with wait_for_lock(job.lock, f"{job.path}: waiting for another process that is downloading it"):
        try:
            yield
        finally:
            if _size(job.part) == 0:
                job.part.unlink(missing_ok=True)
            # Removed while held: a waiting process then locks a removed file, which filelock notices and retries.
            with contextlib.suppress(OSError):  # Windows can't remove an open file; filelock removes it there
                job.lock.unlink()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _load(job: _Job) -> None:
    """Complete the part, check it, and move it to `job.path`."""
    if _is_there(job):  # another process has downloaded it meanwhile
        return
    # A process that is killed after the last byte leaves a complete part.
    is_complete = bool(job.expected) and _size(job.part) > 0 and not _mismatch(job.part, job.expected)
    if not is_complete:
        _transfer(job)
    mismatch = _mismatch(job.part, job.expected)
    if mismatch:
        job.part.unlink()
        job.info.unlink(missing_ok=True)
        raise DownloadError(
            f"{job.url}: not the expected bytes ({mismatch}); deleted, run it again or try another source"
        )
    with job.part.open("rb") as stream:
        os.fsync(stream.fileno())
    job.part.replace(job.path)
    job.info.unlink(missing_ok=True)


def _transfer(job: _Job) -> None:
    """Fetch the missing bytes of the part; resume a broken connection as long as each one receives data."""
    timeout = httpx.Timeout(job.timeout_s, connect=min(job.timeout_s, _CONNECT_S))
    # ValueError, ImportError: a proxy variable of the environment that httpx can't use
    try:
        with _client(job, timeout) as client:
            for resumes in range(_RESUMES + 1):
                size_before = _size(job.part)
                try:
                    return _fetch(client, job)
                except httpx.TransportError:
                    if resumes == _RESUMES or _size(job.part) <= size_before:
                        raise
                    logger.info("%s: connection lost at %d bytes, resuming", job.url, _size(job.part))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:
        raise job.error(str(error) or type(error).__name__) from error


def _client(job: _Job, timeout: httpx.Timeout) -> httpx.Client:
    """Return a client; its certificates are read here."""
    try:
        return httpx.Client(follow_redirects=True, timeout=timeout, event_hooks=redirect_hooks(job.url))
    except OSError as error:
        values = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
        named = [f"{name}={value}" for name, value in values.items() if value and not os.access(value, os.R_OK)]
        reason = error.strerror or str(error)
        raise job.error(
            f"the certificates of {' and '.join(named) or 'this system'} can't be read: {reason}"
        ) from error


def _fetch(client: httpx.Client, job: _Job) -> None:
    """Send one request: append to the part if the server continues it, else start over."""
    offset, headers = _resume_headers(job)
    with client.stream("GET", job.url, headers=headers) as response:
        continued = response.status_code == 206 and _first_byte(response) == offset
        if response.status_code == 200 or (continued and offset):
            _save(response, job, offset if continued else 0)
            return
    if not offset or response.status_code not in (206, 416):
        raise job.error(f"the server answered {response.status_code} {response.reason_phrase}")
    job.part.open("wb").close()  # the server rejects the range: start over
    _fetch(client, job)


def _resume_headers(job: _Job) -> tuple[int, dict[str, str]]:
    """Return the byte offset to resume from, and the headers that request it."""
    headers = {"Accept-Encoding": "identity"}  # offsets of a compressed answer would count other bytes
    offset = _size(job.part)
    validator = _validator(job)
    # Resume only if the hash will be checked, or if the server can tell whether the file is unchanged.
    if not offset or not (job.expected or validator):
        return 0, headers
    headers["Range"] = f"bytes={offset}-"
    if validator:
        headers["If-Range"] = validator
    return offset, headers


def _validator(job: _Job) -> str:
    """Return the entity tag or date with which the server sent the part; empty if unknown."""
    try:
        info = parse_json(job.info.read_bytes())
        return str(info["validator"]) if info["url"] == job.url else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _first_byte(response: httpx.Response) -> int:
    """Return the first byte of a partial answer (`Content-Range: bytes 100-199/200`), or -1."""
    digits = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def _save(response: httpx.Response, job: _Job, offset: int) -> None:
    """Write an answer's body to the part, from byte `offset` on."""
    if not offset:
        tag = response.headers.get("ETag", "")
        # A weak tag (W/"…") promises the same meaning, not the same bytes.
        validator = response.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
        job.info.write_text(json.dumps({"url": job.url, "validator": validator}), encoding="utf-8")
    length = response.headers.get("Content-Length", "")
    bar = progress_bar(
        show=job.progress,
        description=job.description or job.path.name,
        total=offset + int(length) if length.isdigit() else None,
        done=offset,
        unit="B",
        scale=True,
    )
    with bar, job.part.open("ab" if offset else "wb") as stream:
        for chunk in response.iter_raw():  # with a chunk size, httpx would buffer bytes and lose them on a break
            stream.write(chunk)
            bar.update(len(chunk))
            if job.most_bytes is not None and stream.tell() > job.most_bytes:
                stream.truncate(0)  # `_locked` removes an empty part
                job.info.unlink(missing_ok=True)
                raise DownloadError(f"{job.url}: is larger than {job.most_bytes:,} bytes; give another address")
