"""Imports of OpenVINO and NNCF without their telemetry.

OpenVINO looks up an analytics server and writes a client id to `~/intel` when it is imported, NNCF when it is used.
Both use the package `openvino_telemetry` for this, and work without it.
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
    """Hide `openvino_telemetry` from imports inside the context; imports afterwards find it again."""
    with _lock:
        loaded = {name: sys.modules[name] for name in (_TELEMETRY,) if name in sys.modules}
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # importing it raises ModuleNotFoundError
        try:
            yield
        finally:
            del sys.modules[_TELEMETRY]
            sys.modules.update(loaded)


def import_openvino() -> Any:
    """Import OpenVINO. No other code imports it.

    Raises:
        ImportError: it is not installed.
    """
    if "openvino" not in sys.modules:
        with without_telemetry():
            import openvino
    import openvino

    return openvino


def import_nncf() -> Any:
    """Import NNCF. No other code imports it.

    Raises:
        ImportError: it is not installed.
    """
    with without_telemetry():
        import nncf

    return nncf
