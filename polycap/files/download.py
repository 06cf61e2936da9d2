"""Downloads that can be killed, resumed and trusted: whole files with the expected bytes, or an error."""

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
from polycap.files.locks import waiting
from polycap.files.progress import progress_bar

__all__ = ["download"]

_CONNECT_S = 5.0
# A connection that broke after bringing something is taken up again; a server that always breaks is given up.
_RESUMES = 5

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """What `download` was asked for, and where what has come so far lies."""

    url: str
    path: Path
    expected: dict[str, str]
    timeout_s: float
    description: str
    progress: bool
    most_bytes: int | None = None

    @property
    def part(self) -> Path:
        return self.path.with_name(self.path.name + ".part")

    @property
    def lock(self) -> Path:
        return self.path.with_name(self.path.name + ".part.lock")

    @property
    def info(self) -> Path:
        """The file that says which version of which address the part is of."""
        return self.path.with_name(self.path.name + ".part.json")

    def error(self, reason: str) -> DownloadError:
        """A failure, in one line with the way out."""
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
    progress: bool = True,
    most_bytes: int | None = None,
) -> Path:
    """Download `url` to `path`, and return `path`.

    It holds what it held before or the whole new file, never a half.

    A file that is already there and has the expected hash (or, with no hash given, is there at all) is
    kept, and no connection is made. What a broken transfer brought stays in `path.name + ".part"` and is
    resumed, if the server still has the same file. Two processes don't load the same file: one waits.

    Args:
        url: an http or https address.
        path: where the file goes; its folder is made.
        md5, sha256: the expected hash, in hexadecimal.
        timeout_s: seconds without a byte after which the server counts as silent; connecting gets 5 at most.
        description: the progress bar's title; the file's name if empty.
        progress: draw a bar on stderr, when that is a terminal.
        most_bytes: give up on a file that is larger, and keep nothing of it.

    Raises:
        DownloadError: the address can't be reached or answers with an error, the transfer breaks, the disk
            can't be written, or the bytes are not the expected ones or too many.
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
    """How a file's hash differs from the expected one; empty when it doesn't."""
    for name, value in expected.items():
        with path.open("rb") as stream:
            received = hashlib.file_digest(stream, name).hexdigest()
        if received != value:
            return f"expected {name} {value}, received {received}"
    return ""


@contextmanager
def _locked(job: _Job) -> Iterator[None]:
    """Keep other processes off the part file, and leave nothing that is empty."""
    with waiting(job.lock, f"{job.path}: waiting for another process that is downloading it"):
        try:
            yield
        finally:
            if _size(job.part) == 0:
                job.part.unlink(missing_ok=True)
            # Still held: who waits for it gets a lock on a file that is gone, which filelock sees, and makes a new one.
            with contextlib.suppress(OSError):  # Windows removes no open file; there, filelock does so itself
                job.lock.unlink()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _load(job: _Job) -> None:
    """Bring the part to its end, check it, and put it in its place."""
    if _is_there(job):  # another process was quicker
        return
    whole = bool(job.expected) and _size(job.part) > 0 and not _mismatch(job.part, job.expected)
    if not whole:  # else it was killed between the last byte and the last step
        _transfer(job)
    wrong = _mismatch(job.part, job.expected)
    if wrong:
        job.part.unlink()
        job.info.unlink(missing_ok=True)
        raise DownloadError(f"{job.url}: not the expected bytes ({wrong}); deleted, run it again or try another source")
    with job.part.open("rb") as stream:
        os.fsync(stream.fileno())
    job.part.replace(job.path)
    job.info.unlink(missing_ok=True)


def _transfer(job: _Job) -> None:
    """Fetch what the part lacks; a broken connection is taken up again while it brings something."""
    timeout = httpx.Timeout(job.timeout_s, connect=min(job.timeout_s, _CONNECT_S))
    # ValueError, ImportError: a proxy in the environment that httpx can't use
    try:
        with httpx.Client(follow_redirects=True, timeout=timeout) as client:
            for resumes in range(_RESUMES + 1):
                before = _size(job.part)
                try:
                    return _fetch(client, job)
                except httpx.TransportError:
                    if resumes == _RESUMES or _size(job.part) <= before:
                        raise
                    logger.info("%s: connection lost at %d bytes, resuming", job.url, _size(job.part))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:
        raise job.error(str(error) or type(error).__name__) from error


def _fetch(client: httpx.Client, job: _Job) -> None:
    """One request: append to the part if the server continues it, else start it over."""
    offset, headers = _resume_headers(job)
    with client.stream("GET", job.url, headers=headers) as response:
        continued = response.status_code == 206 and _first_byte(response) == offset
        if response.status_code == 200 or (continued and offset):
            _save(response, job, offset if continued else 0)
            return
    if not offset or response.status_code not in (206, 416):
        raise job.error(f"the server answered {response.status_code} {response.reason_phrase}")
    job.part.open("wb").close()  # it doesn't know where we are: everything again
    _fetch(client, job)


def _resume_headers(job: _Job) -> tuple[int, dict[str, str]]:
    """The byte to go on from, and the headers that ask for it."""
    headers = {"Accept-Encoding": "identity"}  # compressed, the offsets would count other bytes
    offset = _size(job.part)
    validator = _validator(job)
    # only if the hash will be checked, or the server can tell that it still has the same file
    if not offset or not (job.expected or validator):
        return 0, headers
    headers["Range"] = f"bytes={offset}-"
    if validator:
        headers["If-Range"] = validator
    return offset, headers


def _validator(job: _Job) -> str:
    """The entity tag or date under which this address gave the part's bytes; empty if unknown."""
    try:
        info = json.loads(job.info.read_text(encoding="utf-8"))
        return str(info["validator"]) if info["url"] == job.url else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _first_byte(response: httpx.Response) -> int:
    """The first byte of a partial answer (`Content-Range: bytes 100-199/200`), or -1."""
    digits = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def _save(response: httpx.Response, job: _Job, offset: int) -> None:
    """Write an answer's body to the part, from byte `offset` on."""
    if not offset:
        tag = response.headers.get("ETag", "")
        # a weak tag (W/"…") promises the same meaning, not the same bytes
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
        for chunk in response.iter_raw():  # with a chunk size, httpx holds bytes back and loses them on a break
            stream.write(chunk)
            bar.update(len(chunk))
            if job.most_bytes is not None and stream.tell() > job.most_bytes:
                stream.truncate(0)  # who holds the lock removes it, being empty
                job.info.unlink(missing_ok=True)
                raise DownloadError(f"{job.url}: is larger than {job.most_bytes:,} bytes; give another address")
