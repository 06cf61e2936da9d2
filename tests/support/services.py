"""Helpers of the tests in tests/server."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from polycap.server.app import Service, create_app
from polycap.server.limits import Limits
from polycap.server.serve import listen, make_server

RTL = "qac"
LIMITS = Limits(photo_mb=1, photos=3, max_photos_in_memory=6, megapixels=50)
URL = "/v1/captions"
Languages = Callable[[pytest.MonkeyPatch], None]


@contextmanager
def running(service: Service, **settings: Any) -> Iterator[httpx.Client]:
    """The service on a port of its own."""
    listener = listen("127.0.0.1", 0)
    server = make_server(create_app(service, **settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def files(*paths: Path) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photos", (path.name, path.read_bytes())) for path in paths]


def detail(answer: httpx.Response, status: int) -> str:
    """Why a request was refused: one sentence."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["detail"]
    text = str(answer.json()["detail"])
    assert "Traceback" not in text
    assert "\n" not in text
    return text


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
