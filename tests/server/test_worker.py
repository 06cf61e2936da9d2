"""Tests of polycap/server/worker.py."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from hostile import HOSTILE
from photo_checks import png_header
from polycap.captioning.captioners import Captioners
from polycap.errors import PackError
from polycap.language import get_language
from polycap.machine.child import run_child, start_child
from polycap.pack.card import read_card
from polycap.pack.pack import load_pack
from polycap.photos.load import PhotoBytes
from polycap.server.app import Service
from polycap.server.decoding_child import READY
from polycap.server.limits import DEFAULTS
from polycap.server.serve import open_service
from polycap.server.worker import Worker
from services import LIMITS, RTL, URL, Languages, detail, files, running, until
from tiny import CODE

pytest_plugins = ["tiny_fixtures"]


# --- several requests at once ---


class Gate:
    """Encoder that waits for an event, and the number of photos of each call."""

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
        """Wait until the encoder is busy."""
        assert self._entered.wait(30)


@pytest.fixture
def gate(quick_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(quick_encoder, monkeypatch)
    yield made
    made.open.set()


def test_waiting_requests_are_one_batch(client: httpx.Client, photos: list[Path], service: Service, gate: Gate) -> None:
    """Requests of other languages and numbers of candidates, too; the service answers meanwhile."""
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


def test_jobs_beyond_the_batch_wait(photos: list[Path], gate: Gate, service: Service) -> None:
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
    """The worker goes on; the error is only logged."""

    def fail(_: Any) -> Any:
        raise RuntimeError("/secret/path: out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(quick_encoder, "grid", fail)
        answers = [client.post(URL, files=files(photos[0])) for _ in range(2)]
    assert "out of memory" in caplog.text
    assert {detail(answer, 500) for answer in answers} == {"the photos can't be captioned; the server's log says why"}
    assert client.post(URL, files=files(photos[0])).status_code == 200


@pytest.mark.usefixtures("quick_encoder")
def test_languages_are_loaded_on_first_request(
    languages: Languages, photos: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken pack affects only its language."""
    languages(monkeypatch)
    loaded, broken = [], {RTL}

    def spy(_: Any, language: Any, __: Path | None) -> Any:
        loaded.append(language.code)
        if language.code in broken:
            raise PackError(f"/secret/path/{language.code}: is broken")
        return load_pack(language.pack_folder)

    monkeypatch.setattr("polycap.captioning.load._Parts.pack", spy)
    monkeypatch.setattr(
        "polycap.language.registry.Registry.default_languages", property(lambda self: (self.get(CODE),))
    )
    with open_service() as service, running(service) as client:
        assert (loaded, service.named, service.usable, service.limits) == ([CODE], (), (CODE, RTL), DEFAULTS)
        assert len(client.post(URL, files=files(photos[0]), data={"language": CODE}).json()) == 1
        assert loaded == [CODE]
        every = {"language": "all"}
        assert "the server's log says why" in detail(client.post(URL, files=files(photos[0]), data=every), 500)
        assert f"/secret/path/{RTL}: is broken" in caplog.text
        broken.clear()
        for _ in range(2):
            rows = client.post(URL, files=files(photos[0]), data=every).json()
            assert [row["language"] for row in rows] == [CODE, RTL]
        for header, code in ((f"xx, {RTL};q=0.5, {CODE};q=0.1", RTL), ("xx", CODE), ("", CODE)):
            answer = client.post(URL, files=files(photos[0]), headers={"Accept-Language": header})
            assert [row["language"] for row in answer.json()] == [code]
    assert loaded == [CODE, RTL, RTL]


def test_a_broken_pack_is_no_default(
    languages: Languages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    languages(monkeypatch)
    folders = {code: get_language(code).pack_folder for code in (CODE, RTL)}

    def read(folder: Path) -> Any:
        if folder == folders[RTL]:
            raise PackError("is broken")
        return read_card(folder)

    monkeypatch.setattr("polycap.captioning.captioners.read_card", read)
    monkeypatch.setattr(
        "polycap.language.registry.Registry.default_languages", property(lambda self: (self.get(CODE),))
    )
    with open_service() as service:
        assert service.usable == (CODE,)
    assert f"{RTL}: left out: is broken" in caplog.text


def test_waiting_jobs_are_cancelled_at_the_end(service: Service, photos: list[Path], gate: Gate) -> None:
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
    """Decoding processes of `decoding_jobs`, in which photos of some names are slow, fatal or large."""
    monkeypatch.setattr("polycap.server.decoding._TARGET", "decoding_jobs:run")


@pytest.mark.usefixtures("quick_encoder", "odd_decoders")
def test_a_slow_photo_delays_its_own_request_alone(service: Service, photos: list[Path]) -> None:
    """A request has more slow photos than there are processes."""
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
def test_a_photo_that_kills_its_process_affects_no_other(service: Service, photos: list[Path]) -> None:
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
    """Each bad photo has its error, and each good photo its captions."""
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
        "a.png: 6000×5000 pixels is above the limit of 25 megapixels; make it smaller, or raise `max_megapixels` "
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
