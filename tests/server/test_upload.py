"""Tests of polycap/server/upload.py."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import HTTPException

from polycap.server.app import Service
from polycap.server.capacity import Capacity, Reservation
from polycap.server.upload import HEADER_BYTES, _Form
from services import LIMITS, URL, detail, files, running, until

pytest_plugins = ["tiny_fixtures"]


NO_PHOTO = 'Content-Disposition: form-data; name="language"\r\n\r\nqaa'
TEXT = 'Content-Disposition: form-data; name="photos"\r\n\r\nsome text'


def form(*parts: str, boundary: str = "xyz") -> dict[str, Any]:
    """Return a form built by hand."""
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return {
        "content": f"{body}--{boundary}--\r\n".encode(),
        "headers": {"content-type": f"multipart/form-data; boundary={boundary}"},
    }


def test_forms_that_can_not_be_read(client: httpx.Client) -> None:
    assert "no photos: send one or more files" in detail(client.post(URL, **form(NO_PHOTO)), 422)
    assert "photos: is text; send files" in detail(client.post(URL, **form(TEXT)), 422)
    assert "unknown field ''" in detail(client.post(URL, **form("A: b\r\n\r\nc")), 422)
    for changed in ({"content": b"nonsense"}, {"content": form(NO_PHOTO)["content"][:-9]}, {"content": b""}):
        assert "multipart/form-data" in detail(client.post(URL, **{**form(NO_PHOTO), **changed}), 400)
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'b' * 999}"):
        answer = client.post(URL, content=form(NO_PHOTO)["content"], headers={"content-type": kind})
        assert "multipart/form-data" in detail(answer, 400)


@pytest.mark.parametrize("header", ["A: {}", "{}: a", 'Content-Disposition: form-data; name="{}"'])
def test_a_header_without_end(client: httpx.Client, header: str) -> None:
    """By the limit of polycap or of python-multipart."""
    answer = client.post(URL, **form(header.format("a" * 500_000) + "\r\n\r\nb"))
    detail(answer, answer.status_code)
    assert answer.status_code in {400, 413}


def test_headers_are_bounded_here_too() -> None:
    """Older versions of python-multipart have no limit."""
    for take in ("_on_header_field", "_on_header_value"):
        parser = _Form(LIMITS, Reservation(Capacity(1, 1)))
        with pytest.raises(HTTPException, match="a header of more than") as caught:
            getattr(parser, take)(b"a" * (HEADER_BYTES + 1), 0, HEADER_BYTES + 1)
        assert caught.value.status_code == 413


# --- limits ---


def in_pieces(data: bytes) -> Iterator[bytes]:
    """Yield a body without a declared length."""
    yield from (data[start : start + 50_000] for start in range(0, len(data), 50_000))


def test_photos_that_are_too_large(client: httpx.Client, photos: list[Path]) -> None:
    large, image = b"x" * 1_000_001, {"content-type": "image/jpeg"}
    sent = [*files(photos[0]), ("photos", ("large.jpg", large))]
    assert detail(client.post(URL, files=sent), 413) == "large.jpg: is larger than 1 MB; make it smaller"
    message = detail(client.post(URL, content=large, headers=image), 413)
    assert message == "the request has 1,000,001 bytes; the limit is a photo of 1 MB"
    message = detail(client.post(f"{URL}?name=large", content=in_pieces(large), headers=image), 413)
    assert message == "large: is larger than 1 MB; make it smaller"
    fits = [("photos", ("zeros.jpg", large[:-1]))]
    assert client.post(URL, files=fits).json()[0]["error"] == "zeros.jpg: is not an image that Pillow can read"
    message = detail(client.post(URL, files=[("photos", ("huge", large * 5))]), 413)
    assert message.endswith("the limit is 3 photos of 1 MB each")


def test_too_much_is_refused_while_it_is_received(client: httpx.Client) -> None:
    """The body has no end."""
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=30) as connection:
        connection.sendall(head.encode())
        for _ in range(3):
            connection.sendall(b"7a120\r\n" + b"x" * 500_000 + b"\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_too_many_photos(client: httpx.Client, photos: list[Path]) -> None:
    assert client.post(URL, files=files(*photos[:3])).status_code == 200
    assert "more than 3 photos in a request" in detail(client.post(URL, files=files(*photos[:4])), 413)


def test_a_client_that_disconnects(client: httpx.Client, photos: list[Path]) -> None:
    """Its reservation is released."""
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n"
    for _ in range(LIMITS.max_photos_in_memory):
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
            connection.sendall(head.encode() + b"abc")
    answers = (client.post(URL, files=files(*photos[:3])) for _ in range(100))
    assert any(answer.status_code == 200 for answer in answers)


@pytest.mark.usefixtures("quick_encoder")
def test_a_client_that_is_slow(service: Service, photos: list[Path]) -> None:
    """It takes nobody's seat, and is answered after a limited time."""
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n"
    with (
        running(replace(service, limits=replace(LIMITS, max_photos_in_memory=3, seconds=1))) as client,
        ExitStack() as stack,
    ):
        address = (client.base_url.host, client.base_url.port or 0)
        slow = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(3)]
        for connection in slow:
            connection.sendall(head.encode() + b"abc")
        assert client.post(URL, files=files(*photos[:3])).status_code == 200
        for connection in slow:
            with connection.makefile("rb") as stream:
                answer = stream.read()
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"did not arrive in 1 seconds" in answer
        assert client.post(URL, files=files(*photos[:3])).status_code == 200


@pytest.mark.usefixtures("quick_encoder")
def test_the_memory_for_files(service: Service) -> None:
    """A request above the whole capacity gets 413; one above the remaining capacity gets 503."""
    part = ("photos", ("x.jpg", b"\0" * 600_000))
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 900000\r\n\r\n"
    with running(replace(service, limits=replace(LIMITS, memory_mb=1))) as client:
        assert "photos are larger than 1 MB" in detail(client.post(URL, files=[part] * 2), 413)
        assert "the limit is 1 MB" in detail(client.post(URL, files=[part] * 4), 413)

        def held() -> bool:
            with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as other:
                other.sendall(head.encode() + b"\0" * 800_000)
                time.sleep(0.2)  # else this request may be first, and the other one is refused
                return client.post(URL, files=[part]).status_code == 503

        until(held)
        until(lambda: client.post(URL, files=[part]).status_code == 422)
