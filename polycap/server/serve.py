"""`polycap serve`, from the port to the end."""

import logging
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from polycap import __version__
from polycap.captioning.captioners import Captioners
from polycap.captioning.options import CaptionerOptions
from polycap.errors import PolycapError
from polycap.server.app import Service, create_app
from polycap.server.limits import DEFAULTS, Limits
from polycap.server.worker import Worker

__all__ = ["listen", "make_server", "open_service", "run_server"]

logger = logging.getLogger(__name__)

GRACE = 30
"""Seconds that requests have to be answered after the service is told to end."""


def run_server(
    host: str,
    port: int,
    *,
    languages: str | None = None,
    options: CaptionerOptions | None = None,
    limits: Limits = DEFAULTS,
    allow_origins: Sequence[str] = (),
) -> None:
    """Serve captions until Ctrl-C or SIGTERM.

    Args:
        host, port: where to listen; port 0 is any that is free.
        allow_origins: web sites whose pages may ask from a browser; "*" is all of them.
        languages, options, limits: as in `open_service`.

    Raises:
        PolycapError: the port is taken, or as `open_service` says.
    """
    with (
        listen(host, port) as listener,  # before the work: a taken port is known at once
        open_service(languages, options, limits) as service,
    ):
        server = make_server(create_app(service, allow_origins))

        def end(*_: object) -> None:
            server.should_exit = True

        # uvicorn has handlers of its own while it runs; afterwards it raises what it caught again, which would kill
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        logger.info("%s; captions in %s; Ctrl-C ends it", _address(listener), ", ".join(service.default))
        server.run(sockets=[listener])


@contextmanager
def open_service(
    languages: str | None = None, options: CaptionerOptions | None = None, limits: Limits = DEFAULTS
) -> Iterator[Service]:
    """What the application needs, with its worker running.

    Args:
        languages: codes with commas between, or "all"; loaded at once, and what requests that name none get. Without
            it these get all languages that have a pack, each loaded when it is first asked for.
        options: see `CaptionerOptions`. (default: its defaults)
        limits: what requests may ask for.

    Raises:
        PolycapError: there is nothing to caption with, or the limits don't go together.
    """
    if limits.queue < limits.photos:
        raise PolycapError(f"`queue` {limits.queue}: is less than `max_photos` {limits.photos}, a request's")
    if limits.memory_mb < limits.photo_mb:
        raise PolycapError(f"`memory_mb` {limits.memory_mb}: is less than `max_photo_mb` {limits.photo_mb}, a photo's")
    captioners = Captioners(languages, options or CaptionerOptions())
    with Worker(captioners, limits) as worker:
        yield Service(worker, captioners.rows, captioners.default, limits, __version__, captioners.runtime)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        PolycapError: it can't.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (")[0]  # after which the address is repeated
        raise PolycapError(f"`host` {host} `port` {port}: can't listen there ({reason}); choose another") from error


def make_server(app: FastAPI) -> uvicorn.Server:
    """uvicorn, whose logs go where polycap's go; the worker is there before it."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a broken form is its sender's business
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
