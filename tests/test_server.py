"""The HTTP service, asked over a real socket; its captions are those of the tiny world."""

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import HTTPException
from hostile import HOSTILE
from pydantic import TypeAdapter
from test_images import png_header
from test_page import Elements
from tiny import CODE, OTHER_CODE, World, make_language, run_polycap

from polycap.child import run_child, start_child
from polycap.decoder.pack import load_pack
from polycap.errors import PackError
from polycap.features.images import PhotoBytes
from polycap.registry import get_language
from polycap.server.app import Service, create_app
from polycap.server.decoding_child import READY
from polycap.server.limits import DEFAULTS, Limits
from polycap.server.models import Caption, Fault, Health, LanguageRow
from polycap.server.serve import listen, make_server, open_service
from polycap.server.upload import HEADER_BYTES, _Form
from polycap.server.worker import Captioners, Seats, Stay, Worker

pytest_plugins = ["tiny_fixtures"]

RTL = "qac"
LIMITS = Limits(photo_mb=1, photos=3, queue=6, megapixels=50)
URL = "/v1/captions"
Languages = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def languages(finished_world: World, encoder: Any, tmp_path_factory: pytest.TempPathFactory) -> Languages:
    """Brings two trained languages into reach, the one from right to left, and one that is not trained."""
    folder = make_language(tmp_path_factory.mktemp("more"), RTL, "rtl")
    (folder / "pack").symlink_to(finished_world.pack)

    def reach(patch: pytest.MonkeyPatch) -> None:
        patch.setenv("POLYCAP_LANGUAGES", os.pathsep.join([str(finished_world.places), str(folder)]))
        patch.setenv("POLYCAP_RUNTIME", "keras")
        patch.setattr("polycap.registry._built_in", lambda _: iter(()))
        patch.setattr("polycap.features.encoder.Encoder.load", lambda _=None: encoder)

    return reach


@pytest.fixture(scope="module")
def service(languages: Languages) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        languages(patch)
        with open_service(f"{CODE},{RTL}", limits=LIMITS) as opened:
            yield opened


@pytest.fixture(scope="module")
def loopback(service: Service) -> Iterator[httpx.Client]:
    with running(service) as client:
        yield client


@pytest.fixture
def client(loopback: httpx.Client, quick_encoder: Any) -> httpx.Client:
    """Asks the service, whose encoder is quick."""
    assert quick_encoder
    return loopback


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


@pytest.fixture
def photos(tiny_data: Path) -> list[Path]:
    return sorted((tiny_data / "Images").glob("p*.jpg"))


def files(*paths: Path) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photos", (path.name, path.read_bytes())) for path in paths]


def form(*parts: str, boundary: str = "xyz") -> dict[str, Any]:
    """A form made by hand."""
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return {
        "content": f"{body}--{boundary}--\r\n".encode(),
        "headers": {"content-type": f"multipart/form-data; boundary={boundary}"},
    }


def detail(answer: httpx.Response, status: int) -> str:
    """Why a request was refused: one sentence."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["detail"]
    text = str(answer.json()["detail"])
    assert "Traceback" not in text
    assert "\n" not in text
    return text


# --- captions ---


@pytest.mark.usefixtures("world")
def test_the_objects_of_the_command(
    client: httpx.Client, photos: list[Path], tmp_path: Path, languages: Languages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good photos and bad ones, two languages: what `polycap caption --json` prints, number for number."""
    (tmp_path / "größe 1.jpg").write_bytes(photos[0].read_bytes())
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "cut.jpg").write_bytes(photos[1].read_bytes()[:-60])
    (tmp_path / "bomb.png").write_bytes(png_header(20_000, 20_000))
    (tmp_path / "b.jpg").write_bytes(photos[2].read_bytes())
    languages(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for names in (["größe 1.jpg", "text.jpg", "b.jpg"], ["cut.jpg", "bomb.png", "größe 1.jpg"]):
        options = ["--language", f"{RTL},{CODE}", "--json", "--n-best", 2, "--beam", 3]
        expected = run_polycap("caption", *names, *options).rows
        sent = files(*map(Path, names))
        answer = client.post(URL, files=sent, data={"language": [RTL, CODE], "n_best": "2"})
        assert answer.status_code == 200
        assert answer.json() == expected
        assert [list(row) for row in answer.json()] == [list(row) for row in expected]
        assert client.post(URL, files=sent, params={"language": f"{RTL},{CODE}", "n_best": 2}).json() == expected
        model = TypeAdapter(list[Caption | Fault])
        assert model.dump_python(model.validate_python(expected, strict=True)) == expected
    assert len(expected) == 4
    assert "above the limit of 50 megapixels" in answer.text


def test_a_photo_as_the_body(client: httpx.Client, photos: list[Path]) -> None:
    image = photos[0].read_bytes()
    expected = client.post(URL, files=files(photos[0])).json()
    assert [row["language"] for row in expected] == [CODE, RTL]  # as the server was started
    answer = client.post(f"{URL}?name={photos[0].name}", content=image, headers={"content-type": "image/jpeg"})
    assert answer.json() == expected
    options = {"language": RTL, "n_best": "2"}
    [row] = client.post(URL, params=options, content=image, headers={"content-type": "image/webp"}).json()
    assert (row["photo"], row["language"], len(row["candidates"])) == ("photo", RTL, 2)
    refused = client.post(URL, content=image, headers={"content-type": "application/x-www-form-urlencoded"})
    assert "application/x-www-form-urlencoded: send multipart/form-data with photos, or" in detail(refused, 415)
    assert "content type nothing: send" in detail(client.post(URL, content=image), 415)


def test_no_good_photo(client: httpx.Client) -> None:
    answer = client.post(URL, files=[("photos", ("../etc/text.jpg", b"not a photo")), ("photos", ("b.jpg", b""))])
    assert answer.status_code == 422
    assert [list(row) for row in answer.json()] == [["photo", "error"]] * 2
    assert [row["photo"] for row in answer.json()] == ["../etc/text.jpg", "b.jpg"]
    assert client.post(URL, content=b"", headers={"content-type": "image/png"}).status_code == 422


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown language": ({"data": {"language": "xx"}}, 404, f"unknown language 'xx'; captions come in {CODE}, {RTL}"),
    "untrained": ({"params": {"language": OTHER_CODE}}, 404, f"language '{OTHER_CODE}' has no trained pack; captions"),
    "unknown field": ({"data": {"photo": "x"}}, 422, "unknown field 'photo'; there are photos, language, n_best"),
    "no number": ({"data": {"n_best": "many"}}, 422, "n_best: is 'many'; it is a number from 1 to 64"),
    "no number in the query": ({"params": {"n_best": "many"}}, 422, "n_best: "),
    "too many candidates": ({"params": {"n_best": 65}}, 422, "n_best: "),
    "many fields": ({"data": {"language": [CODE] * 1001}}, 413, "more than 1000 fields"),
    "a long field": ({"data": {"language": "x" * 1001}}, 413, "language: is longer than 1,000 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(client: httpx.Client, photos: list[Path], name: str) -> None:
    options, status, message = REFUSED[name]
    assert message in detail(client.post(URL, files=files(photos[0]), **options), status)


NO_PHOTO = 'Content-Disposition: form-data; name="language"\r\n\r\nqaa'
TEXT = 'Content-Disposition: form-data; name="photos"\r\n\r\nsome text'


def test_forms_that_can_not_be_read(client: httpx.Client) -> None:
    assert "no photos: send one or more files" in detail(client.post(URL, **form(NO_PHOTO)), 422)
    assert "photos: is text; send files" in detail(client.post(URL, **form(TEXT)), 422)
    assert "unknown field ''" in detail(client.post(URL, **form("A: b\r\n\r\nc")), 422)
    for changed in ({"content": b"nonsense"}, {"content": form(NO_PHOTO)["content"][:-9]}, {"content": b""}):
        assert "multipart/form-data" in detail(client.post(URL, **{**form(NO_PHOTO), **changed}), 400)
    for kind in ("multipart/form-data", f"multipart/form-data; boundary={'b' * 999}"):
        answer = client.post(URL, content=form(NO_PHOTO)["content"], headers={"content-type": kind})
        assert "multipart/form-data" in detail(answer, 400)


@pytest.mark.parametrize("header", ["A: {}", "{}: a", 'Content-Disposition: form-data; name="{}"'])
def test_a_header_without_end(client: httpx.Client, header: str) -> None:
    """By whichever comes first: polycap's own limit, or python-multipart's."""
    answer = client.post(URL, **form(header.format("a" * 500_000) + "\r\n\r\nb"))
    detail(answer, answer.status_code)
    assert answer.status_code in {400, 413}


def test_headers_are_bounded_here_too() -> None:
    """Older versions of python-multipart have no limit of their own."""
    for take in ("_on_header_field", "_on_header_value"):
        parser = _Form(LIMITS, Stay(Seats(1, 1)))
        with pytest.raises(HTTPException, match="a header of more than") as caught:
            getattr(parser, take)(b"a" * (HEADER_BYTES + 1), 0, HEADER_BYTES + 1)
        assert caught.value.status_code == 413


# --- limits ---


def in_pieces(data: bytes) -> Iterator[bytes]:
    """A body whose length is not said beforehand."""
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


def test_too_much_is_refused_before_it_is_all_there(client: httpx.Client) -> None:
    """Of a body without end."""
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=30) as connection:
        connection.sendall(head.encode())
        for _ in range(3):
            connection.sendall(b"7a120\r\n" + b"x" * 500_000 + b"\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_too_many_photos(client: httpx.Client, photos: list[Path]) -> None:
    assert client.post(URL, files=files(*photos[:3])).status_code == 200
    assert "more than 3 photos in a request" in detail(client.post(URL, files=files(*photos[:4])), 413)


def test_a_client_that_goes_away(client: httpx.Client, photos: list[Path]) -> None:
    """Its photos make room for others."""
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n"
    for _ in range(LIMITS.queue):
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
            connection.sendall(head.encode() + b"abc")
    answers = (client.post(URL, files=files(*photos[:3])) for _ in range(100))
    assert any(answer.status_code == 200 for answer in answers)


@pytest.mark.usefixtures("quick_encoder")
def test_a_client_that_is_slow(service: Service, photos: list[Path]) -> None:
    """It keeps its place, and the connection, for a while only."""
    head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n"
    with running(replace(service, limits=replace(LIMITS, queue=3, seconds=1))) as client, ExitStack() as stack:
        address = (client.base_url.host, client.base_url.port or 0)
        slow = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(3)]
        for connection in slow:
            connection.sendall(head.encode() + b"abc")
        until(lambda: client.post(URL, files=files(photos[0])).status_code == 503)
        for connection in slow:
            with connection.makefile("rb") as stream:
                answer = stream.read()
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"did not arrive in 1 seconds" in answer
        assert client.post(URL, files=files(*photos[:3])).status_code == 200


@pytest.mark.usefixtures("quick_encoder")
def test_the_memory_for_files(service: Service) -> None:
    """What a request alone may not have is its own fault; what others have is there again later."""
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


# --- several requests at once ---


class Gate:
    """The encoder, which waits until it is let; how many photos it was given each time."""

    def __init__(self, encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.encoded: list[int] = []
        self.open, self._entered, self._grid = threading.Event(), threading.Event(), encoder.grid
        monkeypatch.setattr(encoder, "grid", self.grid)

    def grid(self, pixels: Any) -> Any:
        self.encoded.append(len(pixels))
        self._entered.set()
        assert self.open.wait(30)
        return self._grid(pixels)

    def wait(self) -> None:
        """Until the encoder is busy."""
        assert self._entered.wait(30)


@pytest.fixture
def gate(quick_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(quick_encoder, monkeypatch)
    yield made
    made.open.set()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_waits_is_one_batch(client: httpx.Client, photos: list[Path], service: Service, gate: Gate) -> None:
    """Of other languages and with other numbers of candidates, too; and the service still answers."""
    asked = [({"language": CODE}, photos[:1]), ({"language": RTL, "n_best": "3"}, photos[1:3]), ({}, photos[:2])]
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(client.post, URL, data=asked[0][0], files=files(*asked[0][1]))
        gate.wait()
        others = [pool.submit(client.post, URL, data=data, files=files(*paths)) for data, paths in asked[1:]]
        until(lambda: len(service.worker._jobs) == 2)
        assert client.get("/healthz").status_code == 200
        gate.open.set()
        together = [future.result().json() for future in (first, *others)]
    assert gate.encoded == [1, 4]
    alone = [client.post(URL, data=data, files=files(*paths)).json() for data, paths in asked]
    assert together == alone
    assert [len(rows) for rows in alone] == [1, 2, 4]
    assert len(alone[1][0]["candidates"]) == 3


def test_a_full_queue(client: httpx.Client, photos: list[Path], service: Service, gate: Gate) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, URL, files=files(*photos[:3]))
        gate.wait()
        second = pool.submit(client.post, URL, files=files(*photos[:2]))
        until(lambda: len(service.worker._jobs) == 1)
        refused = client.post(URL, files=files(*photos[:2]))  # there is room for one more
        assert detail(refused, 503) == "too many photos wait; try again in 2 seconds"
        assert refused.headers["Retry-After"] == "2"
        assert client.get("/v1/languages").status_code == 200
        gate.open.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)
    assert client.post(URL, files=files(*photos[:3])).status_code == 200


def test_jobs_that_would_not_fit_the_batch_wait(photos: list[Path], gate: Gate, service: Service) -> None:
    sent = [PhotoBytes(path.name, path.read_bytes()) for path in (photos * 4)[:20]]
    jobs = [service.worker.submit(sent[:1], [CODE], 1)]
    gate.wait()
    for some in (sent, sent[:12], sent[:1]):
        jobs.append(service.worker.submit(some, [CODE], 1))
        until(lambda: len(service.worker._jobs) == len(jobs) - 1)  # all are decoded
    gate.open.set()
    assert [len(job.result(30)) for job in jobs] == [1, 20, 12, 1]
    assert gate.encoded == [1, 32, 1]


def test_an_encoder_that_fails(
    client: httpx.Client,
    photos: list[Path],
    quick_encoder: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The worker lives on; what happened is for the log alone."""

    def fail(_: Any) -> Any:
        raise RuntimeError("/secret/path: out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(quick_encoder, "grid", fail)
        answers = [client.post(URL, files=files(photos[0])) for _ in range(2)]
    assert "out of memory" in caplog.text
    assert {detail(answer, 500) for answer in answers} == {"the photos can't be captioned; the server's log says why"}
    assert client.post(URL, files=files(photos[0])).status_code == 200


@pytest.mark.usefixtures("quick_encoder")
def test_languages_are_loaded_when_they_are_asked_for(
    languages: Languages, photos: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose pack is broken fails alone."""
    from polycap.captioning import Captioner

    languages(monkeypatch)
    load, loaded, broken = Captioner.load, [], {RTL}

    def spy(code: str, **options: Any) -> Captioner:
        loaded.append(code)
        if code in broken:
            raise PackError(f"/secret/path/{code}: is broken")
        return load(code, **options)

    monkeypatch.setattr(Captioner, "load", spy)
    monkeypatch.setattr("polycap.registry.Registry.default", property(lambda self: (self.get(CODE),)))
    with open_service() as service, running(service) as client:
        assert (loaded, service.default, service.limits) == ([CODE], [CODE, RTL], DEFAULTS)
        assert len(client.post(URL, files=files(photos[0]), data={"language": CODE}).json()) == 1
        assert loaded == [CODE]
        assert "the server's log says why" in detail(client.post(URL, files=files(photos[0])), 500)
        assert f"/secret/path/{RTL}: is broken" in caplog.text
        broken.clear()
        for _ in range(2):
            assert [row["language"] for row in client.post(URL, files=files(photos[0])).json()] == [CODE, RTL]
    assert loaded == [CODE, RTL, RTL]


def test_a_pack_that_is_broken_is_not_among_those_by_default(
    languages: Languages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    languages(monkeypatch)
    folders = {code: get_language(code).pack_folder for code in (CODE, RTL)}

    def load(folder: Path) -> Any:
        if folder == folders[RTL]:
            raise PackError("is broken")
        return load_pack(folder)

    monkeypatch.setattr("polycap.server.serve.load_pack", load)
    monkeypatch.setattr("polycap.registry.Registry.default", property(lambda self: (self.get(CODE),)))
    with open_service() as service:
        assert service.default == [CODE]
    assert f"{RTL}: left out: is broken" in caplog.text


def test_what_still_waits_at_the_end_is_cancelled(service: Service, photos: list[Path], gate: Gate) -> None:
    captioners: Captioners = service.worker._captioners
    sent = [PhotoBytes("a", photos[0].read_bytes())]
    with Worker(captioners) as worker:
        first = worker.submit(sent * 32, [CODE], 1)
        gate.wait()
        second, third = (worker.submit(sent, [CODE], 1) for _ in range(2))
        assert second.cancel()
        threading.Timer(0.2, gate.open.set).start()
    assert len(first.result(0)) == 32
    assert third.cancelled()


# --- photos that are slow, hostile or deadly ---


@pytest.fixture
def odd_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of `decoding_jobs`, to which photos of some names are slow, deadly or big."""
    monkeypatch.setattr("polycap.server.decoding._TARGET", "decoding_jobs:run")


@pytest.mark.usefixtures("quick_encoder", "odd_decoders")
def test_a_slow_photo_delays_its_own_request_alone(service: Service, photos: list[Path]) -> None:
    """As many slow photos as there are processes, and more, in a request."""
    good, slow = photos[0].read_bytes(), PhotoBytes("slow", b"")
    limits = replace(LIMITS, decoding_seconds=3)
    with Worker(service.worker._captioners, limits) as worker:
        first = worker.submit([slow] * 9, [CODE], 1)
        until(lambda: bool(worker._decoders._requests) and worker._decoders._requests[0].running > 0)
        second = worker.submit([PhotoBytes("good", good)], [CODE], 1)
        assert [row["photo"] for row in second.result(30)] == ["good"]
        assert not first.done()
        first.cancel()
        third = worker.submit([slow, PhotoBytes("good", good)], [CODE], 1)
        rows = third.result(60)
    assert rows[0] == {"photo": "slow", "error": "slow: takes more than 3 seconds to decode; make it smaller"}
    assert rows[1]["language"] == CODE


@pytest.mark.usefixtures("quick_encoder", "odd_decoders")
def test_a_photo_that_kills_its_process_fails_alone(service: Service, photos: list[Path]) -> None:
    good = photos[0].read_bytes()
    with Worker(service.worker._captioners, LIMITS) as worker:
        expected = worker.submit([PhotoBytes("good", good)], [CODE], 1).result(60)
        names = ["deadly", "good", "deadly", "big", "good"]
        rows = worker.submit([PhotoBytes(name, good) for name in names], [CODE], 1).result(60)
        processes = list(worker._decoders._processes)
    died = "can't be decoded (the process that tried ended); save it again, or smaller"
    assert [row["photo"] for row in rows] == names
    assert [row.get("error") for row in rows[:3]] == [f"deadly: {died}", None, f"deadly: {died}"]
    if sys.platform == "linux":  # elsewhere memory is not limited
        assert rows[3]["error"] == "big: decoding it takes more memory than there is; make it smaller"
    assert [rows[1], rows[4]] == expected * 2
    assert all(process.poll() is not None for process in processes)


@pytest.mark.usefixtures("quick_encoder")
def test_hostile_photos_between_good_ones(client: httpx.Client, photos: list[Path]) -> None:
    """Each has its own error, and those that are good their captions, as alone."""
    expected = client.post(URL, files=files(photos[0]), data={"language": CODE}).json()
    hostile = [HOSTILE[name] for name in ("webp", "jpeg, 3,000 scans", "png, high")]
    with ThreadPoolExecutor(4) as pool:
        sent = [[("photos", ("bad", data)), *files(photos[0])] for data, _ in hostile]
        answers = list(pool.map(lambda some: client.post(URL, files=some, data={"language": CODE}).json(), sent))
    for (_, message), (fault, row) in zip(hostile, answers, strict=True):
        assert message in fault["error"]
        assert [row] == expected


def test_the_limit_is_lower_in_the_service(client: httpx.Client, service: Service) -> None:
    assert DEFAULTS.megapixels == 25
    bomb = png_header(6000, 5000)
    with Worker(service.worker._captioners) as worker:
        [row] = worker.submit([PhotoBytes("a.png", bomb)], [CODE], 1).result(60)
    assert row["error"] == (
        "a.png: 6000×5000 pixels is above the limit of 25 megapixels; make it smaller, or raise --max-megapixels "
        "(POLYCAP_MAX_MEGAPIXELS) above 25"
    )
    assert "is truncated" in client.post(URL, files=[("photos", ("a.png", bomb))]).json()[0]["error"]


def test_processes_that_decode_are_light_and_end_with_the_service() -> None:
    done = run_child("decoding_jobs:names_of_modules", None)
    assert {"PIL", "numpy", "polycap"} <= set(done.stdout.split())
    assert not {"keras", "openvino", "tensorflow", "fastapi", "sentencepiece", "h5py"} & set(done.stdout.split())
    job = {"size": 8, "megapixels": 1, "memory_mb": 300, "seconds": 9}
    with start_child("polycap.server.decoding_child:run", job, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.read(5)[:1] == READY
        process.stdin.close()  # as the system does when the service is killed
        assert process.wait(30) == 0


# --- facts ---


def test_the_list_of_languages(client: httpx.Client, languages: Languages, monkeypatch: pytest.MonkeyPatch) -> None:
    languages(monkeypatch)
    rows = client.get("/v1/languages").json()
    assert rows == json.loads(run_polycap("languages", "--json").out)
    assert [row["status"] for row in rows] == ["trained", "untrained", "trained"]
    model = TypeAdapter(list[LanguageRow])
    assert model.dump_python(model.validate_python(rows, strict=True)) == rows


def test_health(client: httpx.Client) -> None:
    health = Health.model_validate(client.get("/healthz").json(), strict=True)
    assert (health.status, health.runtime) == ("ok", "keras")
    assert health.version
    assert client.head("/healthz").status_code == client.head("/").status_code == 200  # as monitors ask


def test_the_description(client: httpx.Client) -> None:
    api = client.get("/openapi.json").json()
    assert set(api["paths"]) == {URL, "/v1/languages", "/healthz"}
    post = api["paths"][URL]["post"]
    assert set(post["requestBody"]["content"]) == {"multipart/form-data", "image/*"}
    assert set(post["responses"]) == {"200", "400", "404", "408", "413", "415", "422", "500", "503"}
    assert all(parameter["description"] for parameter in post["parameters"])
    assert set(api["components"]["schemas"]["Caption"]["properties"]) == set(Caption.model_fields)
    for path in ("/docs", "/redoc", "/nothing"):  # the first two would load scripts from elsewhere
        detail(client.get(path), 404)
    detail(client.get(URL), 405)


def test_the_page(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Elements()
    page.feed(answer.text)
    assert not [tag for tag, _ in page.found if tag in {"img", "iframe", "object"}]
    assert [link["href"] for link in page.of("link")] == ["data:,"]
    assert not [attributes for tag, attributes in page.found if tag != "link" and {"src", "href"} & attributes.keys()]
    assert not re.search(r"https?:|@import|\burl\(", answer.text)
    boxes = [box for box in page.of("input") if box["type"] == "checkbox"]
    assert [(box["value"], box["data-direction"], "checked" in box) for box in boxes] == [
        (CODE, "ltr", True),
        (RTL, "rtl", True),
    ]
    assert {"lang": RTL, "dir": "rtl"} in page.of("span")
    [script] = re.findall("<script>(.*)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.usefixtures("quick_encoder")
def test_other_sites(client: httpx.Client, service: Service) -> None:
    origin = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in client.get("/healthz", headers=origin).headers
    with running(service, allow_origins=["https://example.org"]) as allowing:
        answer = allowing.get("/healthz", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        other = allowing.get("/healthz", headers={"Origin": "https://example.com"})
        assert "access-control-allow-origin" not in other.headers


# --- the command ---


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process could catch")
@pytest.mark.usefixtures("world")
def test_a_process(photos: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "polycap", "serve", "--port", "0", "--language", CODE]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        assert process.stderr
        line = process.stderr.readline()
        found = re.fullmatch(rf"polycap: (http://127\.0\.0\.1:\d+); captions in {CODE}; Ctrl-C ends it\n", line)
        assert found, line + process.stderr.read()
        port = found[1].rpartition(":")[2]
        answer = httpx.post(found[1] + URL, files=files(photos[0]), timeout=60, trust_env=False)
        assert [row["language"] for row in answer.json()] == [CODE]
        assert f"--port {port}: can't listen there (" in run_polycap("serve", "--port", port).fault()
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == ""
        assert process.wait(30) == 0
    assert list(tmp_path.iterdir()) == []


def test_mistakes(languages: Languages, monkeypatch: pytest.MonkeyPatch) -> None:
    languages(monkeypatch)
    serve = ("serve", "--port", 0)
    assert "unknown language 'xx'" in run_polycap(*serve, "--language", "xx").fault()
    assert "no trained pack yet" in run_polycap(*serve, "--language", OTHER_CODE).fault()
    assert "--queue 3: is less than --max-photos 32" in run_polycap(*serve, "--queue", 3).fault()
    assert "--memory-mb 3: is less than --max-photo-mb 25" in run_polycap(*serve, "--memory-mb", 3).fault()
    assert "--host no.such.host.invalid --port 0: can't listen" in (
        run_polycap(*serve, "--host", "no.such.host.invalid").fault()
    )
    for name, package in (("python_multipart", "python-multipart"), ("fastapi", "fastapi")):
        monkeypatch.setitem(sys.modules, name, None)
        needed = f'polycap: polycap serve needs {package}, which is not installed: pip install "polycap[server]"'
        assert run_polycap(*serve).fault() == needed


def test_the_parser_does_without_the_server() -> None:
    spy = "import sys, atexit; atexit.register(lambda: print({'fastapi', 'uvicorn'} & sys.modules.keys()))\n"
    code = f"{spy}from polycap.cli import main; main()"
    for arguments in (["--help"], ["serve", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("\nset()\n")
