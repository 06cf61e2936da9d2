"""`polycap serve`, from the port to the end."""

import logging
import signal
import socket
from collections.abc import Sequence

import uvicorn
from fastapi import FastAPI

import polycap
from polycap.commands import load_captioners
from polycap.errors import PolycapError
from polycap.registry import Registry
from polycap.runtime.choose import open_runtime
from polycap.server.app import Service, create_app
from polycap.server.limits import DEFAULTS, Limits
from polycap.server.worker import Captioners, Worker

__all__ = ["serve"]

logger = logging.getLogger(__name__)

GRACE = 10
"""Seconds that requests have to be answered after the service is told to end."""


def serve(
    host: str,
    port: int,
    *,
    languages: str | None = None,
    beam: int | None = None,
    runtime: str | None = None,
    precision: str | None = None,
    limits: Limits = DEFAULTS,
    allow_origins: Sequence[str] = (),
) -> None:
    """Serve captions until Ctrl-C or SIGTERM.

    Args:
        host, port: where to listen; port 0 is any that is free.
        languages: codes with commas between, or "all"; loaded at once, and what requests that name none get. Without
            it these get all languages that have a pack, each loaded when it is first asked for.
        beam, runtime, precision: as `load_captioners` and `open_runtime` have them.
        limits: what requests may ask for.
        allow_origins: web sites whose pages may ask from a browser; "*" is all of them.

    Raises:
        PolycapError: the port is taken, or there is nothing to caption with.
    """
    if limits.queue < limits.photos:
        raise PolycapError(f"--queue {limits.queue}: is less than --max-photos {limits.photos}, a request's")
    with _listen(host, port) as listener:  # before the work: a taken port is known at once
        opened = open_runtime(runtime, precision=precision)
        loaded = load_captioners(languages, beam=beam, runtime=opened)
        rows = [entry.to_json() for entry in Registry.discover().entries]
        trained = [row["code"] for row in rows if row["status"] == "trained"]
        default = [captioner.language.code for captioner in loaded] if languages else trained
        with Worker(Captioners(loaded, opened, beam)) as worker:
            service = Service(worker, rows, default, limits, polycap.__version__, opened.name)
            _run(create_app(service, allow_origins), listener, f"captions in {', '.join(default)}")


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, OverflowError) as error:
        reason = str(getattr(error, "strerror", error)).partition(" (")[0]  # after which the address is repeated
        raise PolycapError(f"--host {host} --port {port}: can't listen there ({reason}); choose another") from error


def _run(app: FastAPI, listener: socket.socket, what: str) -> None:
    # logs go where polycap's go; the worker is there before the application
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)

    def end(*_: object) -> None:
        server.should_exit = True

    # uvicorn has handlers of its own while it runs; afterwards it raises what it caught once more, which would kill
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    host, port = listener.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    logger.info("%s; %s; Ctrl-C ends it", address, what)
    server.run(sockets=[listener])
