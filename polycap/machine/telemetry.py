"""Imports of libraries that report their use to their makers, without those reports.

OpenVINO looks up an analytics server and writes a client's id to `~/intel` when it is imported, NNCF when it is used.
Both do it by the package `openvino_telemetry`, and do without it where it is not installed.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["import_nncf", "import_openvino", "without_telemetry"]

_TELEMETRY = "openvino_telemetry"
_lock = threading.RLock()


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Let what is imported inside find no `openvino_telemetry`; what imports it afterwards finds it again."""
    with _lock:
        loaded = {name: sys.modules[name] for name in (_TELEMETRY,) if name in sys.modules}
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # importing it raises ModuleNotFoundError
        try:
            yield
        finally:
            del sys.modules[_TELEMETRY]
            sys.modules.update(loaded)


def import_openvino() -> Any:
    """OpenVINO, which is imported nowhere else.

    Raises:
        ImportError: it is not installed.
    """
    if "openvino" not in sys.modules:
        with without_telemetry():
            import openvino
    import openvino

    return openvino


def import_nncf() -> Any:
    """NNCF, which is imported nowhere else.

    Raises:
        ImportError: it is not installed.
    """
    with without_telemetry():
        import nncf

    return nncf
