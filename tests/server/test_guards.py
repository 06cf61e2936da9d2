"""What strangers may do to the server: their sites, their slowness, and their share. No photo is captioned here."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from starlette.responses import PlainTextResponse

from polycap.server import upload
from polycap.server.app import Service
from polycap.server.capacity import BusyError, Capacity
from polycap.server.errors import add_handlers, require_known
from polycap.server.forms import part_names
from polycap.server.limits import Limits
from polycap.server.protocol import raise_connections, timed_protocol
from polycap.server.serve import listen
from polycap.server.sites import SiteGuard, loopback_hosts
from polycap.server.upload import read_upload
from services import URL, running

LOCAL = loopback_hosts("127.0.0.1", "127.0.0.1")


def ask(
    headers: dict[str, str],
    hosts: Sequence[str] = LOCAL,
    allow_hosts: Sequence[str] = (),
    allow_origins: Sequence[str] = (),
    path: str = "/",
) -> httpx.Response:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(scope["path"])(scope, receive, send)

    async def send() -> httpx.Response:
        guard = SiteGuard(app, hosts, allow_hosts, allow_origins)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard)) as client:
            return await client.post(f"http://localhost:8000{path}", headers=headers)

    return asyncio.run(send())


# --- sites ---


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
def test_own_names(host: str) -> None:
    assert ask({"host": host}).status_code == 200
    assert ask({"host": host, "origin": f"http://{host}"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1.evil.example", "[::1", "a@b"])
def test_other_names_on_loopback_are_refused(host: str) -> None:
    """By DNS rebinding, a site's own name leads to this machine."""
    answer = ask({"host": host, "origin": f"http://{host}"})
    assert answer.status_code == 403
    assert "start it with --allow-host" in answer.json()["detail"]
    assert ask({"host": host}, hosts=loopback_hosts("0.0.0.0", "0.0.0.0")).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9000", "http://[::1"])
def test_pages_of_other_sites_are_refused(origin: str) -> None:
    answer = ask({"host": "localhost:8000", "origin": origin})
    assert answer.status_code == 403
    assert "pages of other sites may not send requests" in answer.json()["detail"]
    assert ask({"host": "localhost:8000", "origin": origin}, allow_origins=[origin]).status_code == 200
    assert ask({"host": "localhost:8000", "origin": origin}, allow_origins=["*"]).status_code == 200


def test_a_proxy_with_a_name() -> None:
    """It may hand on its own name as Host, or send the server's."""
    for host in ("captions.example", "127.0.0.1:8000"):
        headers = {"host": host, "origin": "https://captions.example"}
        assert ask(headers, allow_hosts=["captions.example"]).status_code == 200
        assert ask(headers).status_code == 403


def test_a_trailing_slash_is_answered() -> None:
    assert ask({}, path="/v1/captions/").text == "/v1/captions"
    assert ask({}, path="/").text == "/"


# --- connections ---


@contextmanager
def serving(most: int, header_seconds: float) -> Iterator[tuple[str, int]]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("ok")(scope, receive, send)

    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, log_config=None, ws="none", lifespan="off", http=timed_protocol(most, header_seconds))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        server.should_exit = True
        thread.join()


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


def test_headers_that_never_end_are_timed_out() -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n"
    with serving(8, 0.5) as address:
        for first in (b"", request, request + b"\r\n"):
            with socket.create_connection(address, timeout=10) as connection:
                connection.sendall(first)
                if first.endswith(b"\r\n\r\n"):
                    answer = b""
                    while not answer.endswith(b"ok"):
                        answer += connection.recv(1000)
                    connection.sendall(request)  # the second request's headers
                started = time.monotonic()
                assert is_closed(connection)
                assert time.monotonic() - started < 5


def test_more_connections_get_503_at_once() -> None:
    with serving(2, 30) as address:
        held = [socket.create_connection(address, timeout=10) for _ in range(2)]
        time.sleep(0.2)
        with httpx.Client(trust_env=False) as client:
            answer = client.get(f"http://{address[0]}:{address[1]}/")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert "too many connections" in answer.json()["detail"]
            for connection in held:
                connection.close()
            time.sleep(0.2)
            assert client.get(f"http://{address[0]}:{address[1]}/").status_code == 200
    assert raise_connections() >= 8


# --- bodies ---


def test_a_body_must_arrive_at_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PATIENCE_S", 0.2)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.15)
        return {"type": "http.request", "body": b"x", "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"image/jpeg")]}
    started = time.monotonic()
    with Capacity(4, 1000).reserve("1.1.1.1") as reservation, pytest.raises(HTTPException) as caught:
        asyncio.run(read_upload(Request(scope, receive), Limits(), reservation, "photo"))
    assert caught.value.status_code == 408
    assert "less than 1,000 bytes/s" in caught.value.detail
    assert time.monotonic() - started < 2
    assert reservation.photos == 0  # no seat for a photo that is not complete


def test_a_share_per_peer() -> None:
    capacity = Capacity(8, 1000)
    with capacity.reserve("1.1.1.1") as first:
        first.add(photos=8, size=1000)  # alone it may have all
    with capacity.reserve("1.1.1.1") as first, capacity.reserve("1.1.1.1") as second:
        first.add(photos=3)
        second.add(photos=1, size=500)
        for more in ({"photos": 1}, {"size": 1}):
            with pytest.raises(BusyError):
                second.add(**more)
        with capacity.reserve("2.2.2.2") as other, capacity.reserve() as local:
            other.add(photos=2, size=250)
            local.add(photos=2, size=250)
    assert (capacity.photos, capacity.size) == (8, 1000)


# --- answers ---


@pytest.mark.parametrize(
    ("disposition", "names"),
    [
        ('form-data; name="photos"; filename="größe.jpg"', ("photos", "größe.jpg")),
        ('form-data; name="photos"; filename="a %22b%22%0D%0A 100%25.jpg"', ("photos", 'a "b"\r\n 100%25.jpg')),
        ("form-data; name=\"photos\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20.jpg", ("photos", "größe .jpg")),
        ("form-data; name=photos; filename=\"x.jpg\"; filename*=iso-8859-1'de'gr%F6.jpg", ("photos", "grö.jpg")),
        ('form-data; name="language"', ("language", None)),
        ("", ("", None)),
    ],
)
def test_names_of_files(disposition: str, names: tuple[str, str | None]) -> None:
    assert part_names(disposition.encode()) == names


def test_answers_are_in_polycaps_words() -> None:
    app = FastAPI()
    add_handlers(app)

    @app.get("/v1/languages")
    async def languages(request: Request) -> str:
        require_known(request, ("language", "n_best"))
        raise HTTPException(404, "unknown language 'xx'")

    async def send() -> list[tuple[int, str]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            answers = [
                await client.get("/v2"),
                await client.post("/v1/languages"),
                await client.get("/v1/languages?lang=de"),
                await client.get("/v1/languages?n_best=1"),
            ]
        return [(answer.status_code, answer.json()["detail"]) for answer in answers]

    assert asyncio.run(send()) == [
        (404, "there is no /v2; there are /, /v1/captions, /v1/languages, /healthz and /openapi.json"),
        (405, "/v1/languages: takes GET, not POST"),
        (422, "unknown parameter 'lang'; there are language, n_best"),
        (404, "unknown language 'xx'"),
    ]


# --- the service, with a worker that answers at once ---


class QuickWorker:
    """Answers each photo with its name."""

    def submit(self, photos: Sequence[Any], codes: Sequence[str], _: int) -> "Future[list[dict[str, Any]]]":
        answer: Future[list[dict[str, Any]]] = Future()
        answer.set_result([{"photo": photo.name, "language": code} for photo in photos for code in codes])
        return answer


def test_slow_senders_take_nobodys_seat() -> None:
    worker: Any = QuickWorker()
    limits = Limits(photos=3, max_photos_in_memory=3, seconds=2)
    service = Service(worker, [{"code": "en", "status": "trained"}], ["en"], ["en"], "en", limits, "1", "keras")
    part = b'--xyz\r\nContent-Disposition: form-data; name="photos"; filename="%d.jpg"\r\n\r\nabc'
    kind = "multipart/form-data; boundary=xyz"
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\nContent-Type: {kind}\r\n\r\n"
    photos = [("photos", (f"{number}.jpg", b"abc")) for number in range(3)]
    with running(service) as client, ExitStack() as stack:
        address = (client.base_url.host, client.base_url.port or 0)
        slow = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(20)]
        for connection in slow:
            connection.sendall(head.encode() + part % 1)
        answer = client.post(f"{URL}/", files=photos)
        assert [row["photo"] for row in answer.json()] == ["0.jpg", "1.jpg", "2.jpg"]
        for connection in slow:
            assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert client.post(URL, files=photos, headers={"origin": "https://evil.example"}).status_code == 403
        assert "unknown parameter 'x'" in client.post(URL, files=photos, params={"x": 1}).json()["detail"]
        for kind in ("multipart/form-data", "multipart/form-data; boundary="):
            answer = client.post(URL, content=b"x", headers={"content-type": kind})
            assert (answer.status_code, "names no boundary" in answer.json()["detail"]) == (400, True)
