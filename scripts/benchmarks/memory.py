"""Memory of this process."""

import resource
import sys
import threading
from pathlib import Path
from types import TracebackType

__all__ = ["OwnMemory", "peak_memory_mb"]

_STATUS = Path("/proc/self/status")
_EVERY_S = 0.05


def peak_memory_mb() -> int:
    """Return the peak memory of this process so far, mapped pages of files included."""
    if _STATUS.is_file():  # `getrusage` would count what the process held before `exec`, too
        return _status("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 1024


class OwnMemory:
    """Monitor, inside `with`, of the process' memory without pages of files, which the system may reclaim.

    Attributes:
        peak_mb: peak so far; at the end `peak_memory_mb`, if the system does not report it.
    """

    def __init__(self) -> None:
        self.peak_mb = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "OwnMemory":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while _STATUS.is_file() and not self._over.wait(_EVERY_S):
            self.peak_mb = max(self.peak_mb, _status("RssAnon"))
        if not self.peak_mb:
            self._over.wait()
            self.peak_mb = peak_memory_mb()


def _status(name: str) -> int:
    lines = dict(line.partition(":")[::2] for line in _STATUS.read_text(encoding="utf-8").splitlines())
    return int(lines[name].split()[0]) // 1024
