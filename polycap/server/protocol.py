"""Connections of the service: uvicorn's, with what it lacks: a time for the headers to arrive, and a most of them."""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEADER_SECONDS", "raise_connections", "timed_protocol"]

HEADER_SECONDS = 15.0
"""Time for a request's headers to arrive, from the connection or from their first byte, seconds."""

_RESERVED = 128
"""Descriptors for other things than connections."""

_MOST = 1_000
"""Connections at once, at most."""

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 2\r\nConnection: close\r\n"
    b"Content-Length: 54\r\n\r\n"
    b'{"detail":"too many connections; try again in 2 s"}   '
)

logger = logging.getLogger(__name__)


def raise_connections() -> int:
    """Raise this process' limit of descriptors as far as it is allowed; return how many connections it then can have.

    At the limit, asyncio would log a traceback for each connection that it can't accept.
    """
    try:
        import resource
    except ImportError:  # Windows
        return _MOST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _RESERVED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return _MOST if soft == resource.RLIM_INFINITY else max(8, min(_MOST, soft - _RESERVED))


def timed_protocol(most: int, header_seconds: float = HEADER_SECONDS) -> type[asyncio.Protocol]:
    """Return the class of connections.

    Args:
        most: connections at once, at most; others get status 503 at once.
        header_seconds: time for the headers of a request to arrive, seconds.
    """

    class TimedProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most:
                transport.write(_BUSY)
                transport.close()
                return
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop()  # a request is being answered; its body has limits of its own
            elif self._timer is None:
                self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._stop()  # uvicorn's own time until the next request

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._timer = self.loop.call_later(header_seconds, self.transport.abort)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return TimedProtocol
