"""`polycap serve`: listen, start the worker, serve until the end."""

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
from polycap.server.protocol import raise_connections, timed_protocol
from polycap.server.sites import loopback_hosts
from polycap.server.worker import Worker

__all__ = ["listen", "make_server", "open_service", "run_server"]

logger = logging.getLogger(__name__)

GRACE = 30
"""Time to answer running requests after Ctrl-C or SIGTERM, seconds."""


def run_server(
    host: str,
    port: int,
    *,
    languages: str | None = None,
    options: CaptionerOptions | None = None,
    limits: Limits = DEFAULTS,
    allow_origins: Sequence[str] = (),
    allow_hosts: Sequence[str] = (),
) -> None:
    """Serve captions until Ctrl-C or SIGTERM.

    Args:
        host: name or address to listen on.
        port: port to listen on; 0 is any free port.
        languages, options, limits: as for `open_service`.
        allow_origins: web sites whose pages may send requests (CORS); "*" is all of them. (default: none)
        allow_hosts: names of this service for its users, such as that of a proxy in front of it; "*" is all of them.
            (default: none: on loopback this machine's, else all)

    Raises:
        PolycapError: the port is taken, or as for `open_service`.
    """
    with (
        listen(host, port) as listener,  # first, so that a taken port is an error before anything is loaded
        open_service(languages, options, limits) as service,
    ):
        hosts = loopback_hosts(host, listener.getsockname()[0])
        server = make_server(create_app(service, allow_origins, hosts, allow_hosts))

        def end(*_: object) -> None:
            server.should_exit = True

        # uvicorn has its own handlers while it runs; at its end it raises the signal again, which would kill us
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        logger.info(
            "%s; captions in %s; Ctrl-C ends it", _address(listener), ", ".join(service.named or service.usable)
        )
        server.run(sockets=[listener])


@contextmanager
def open_service(
    languages: str | None = None, options: CaptionerOptions | None = None, limits: Limits = DEFAULTS
) -> Iterator[Service]:
    """Yield the state of the service, with a running worker.

    Args:
        languages: codes separated by commas, or "all": loaded now, and used for requests that name no language.
            (default: the first default language is loaded now, each other one when it is first requested, and the
            header `Accept-Language` chooses)
        options: options of the captioners. (default: those of `CaptionerOptions`)
        limits: limits of the requests. (default: those of `Limits`)

    Raises:
        PolycapError: no language can be loaded, or the limits contradict each other.
    """
    if limits.max_photos_in_memory < limits.photos:
        queue = limits.max_photos_in_memory
        raise PolycapError(f"`queue` {queue}: is less than `max_photos` {limits.photos}, a request's")
    if limits.memory_mb < limits.photo_mb:
        raise PolycapError(f"`memory_mb` {limits.memory_mb}: is less than `max_photo_mb` {limits.photo_mb}, a photo's")
    captioners = Captioners(languages, options or CaptionerOptions())
    with Worker(captioners, limits) as worker:
        yield Service(
            worker=worker,
            languages=captioners.rows,
            usable=captioners.usable,
            named=captioners.named,
            fallback=captioners.fallback,
            limits=limits,
            version=__version__,
            runtime=captioners.runtime,
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        PolycapError: the address can't be used.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = addresses[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (")[0]  # the address follows
        raise PolycapError(f"`host` {host} `port` {port}: can't listen there ({reason}); choose another") from error


def make_server(app: FastAPI) -> uvicorn.Server:
    """Return a uvicorn server that logs as polycap does, for an application whose worker is running."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of broken forms
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
        backlog=256,
        http=timed_protocol(raise_connections()),
        workers=1,  # else uvicorn reads WEB_CONCURRENCY, which may be empty, or "auto"
    )
    return uvicorn.Server(config)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
