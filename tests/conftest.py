"""What every test file shares: an offline world, a tiny dataset, and an encoder with random weights."""

import itertools
import os
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from loopback import BODY, Handler, Server
from random_weights import random_tensors

if TYPE_CHECKING:
    from polycap.dataset import Dataset
    from polycap.encoder.encoder import Encoder

_numbers = itertools.count()

LONGEST = (
    "training/test_run.py",
    "runtime/test_openvino_runtime.py",
    "scripts/test_benchmarks.py",
    "training/test_self_critical.py",
    "pipeline/test_tune.py",
    "training/test_side_by_side.py",
    "features/test_prepare.py",
    "test_add_a_language.py",
    "training/test_backends.py",
    "test_docs.py",
    "pipeline/test_plan.py",
    "pipeline/test_build.py",
    "decoder/test_search.py",
    "captioning/test_captioner.py",
    "captioning/test_load.py",
    "test_isolation.py",
    "test_extras.py",
    "scripts/test_against.py",
    "captioning/test_threads.py",
    "training/test_loss.py",
    "pipeline/stages/test_features.py",
    "pipeline/stages/test_captions.py",
    "translation/argos/test_engine.py",
    "runtime/test_quantize.py",
    "contract/test_check.py",
    "server/test_serve.py",
    "test_wheel.py",
)
"""Files of tests that take long, the longest first: a long one that begins last runs alone at the end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--language de` checks that language's folder alone, see contract/test_check.py; `--mutations`: test_fuzz.py."""
    parser.addoption("--language", action="append", metavar="CODE", help="check this language's folder (repeatable)")
    parser.addoption("--mutations", type=int, default=25, metavar="NUMBER", help="mutations of each kind of file")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; `scripts/test` keeps this order among its processes."""
    folder = Path(__file__).parent
    places = {folder / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real material; a test that needs it is skipped without it."""
    folder = os.environ.get("POLYCAP_SHARED")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the real photos and captions: set POLYCAP_SHARED to their folder")
    return Path(folder)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody's cache, settings or network: what a test does not give, polycap does not find."""
    for name in [name for name in os.environ if name.startswith("POLYCAP_") and name != "POLYCAP_SHARED"]:
        monkeypatch.delenv(name)
    number = next(_numbers)
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path_factory.getbasetemp() / f"cache-of-test-{number}"))
    monkeypatch.setenv("POLYCAP_PACKS", str(tmp_path_factory.getbasetemp() / f"packs-of-test-{number}"))
    monkeypatch.setenv("POLYCAP_KERAS_WEIGHTS_URL", "http://127.0.0.1:9/nothing-listens-here")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("POLYCAP_RUNTIME", "keras")  # the reference; tests/runtime is about the others
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


# --- a server ---


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on loopback, reached without any proxy that the environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Server(files={"/file": BODY})
    handler = type("BoundHandler", (Handler,), {"server_state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        http.daemon_threads = True
        state.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        state.release.set()
        http.shutdown()
        thread.join()


# --- a tiny dataset ---

SPLITS = {"train": range(4), "dev": range(4, 6), "test": range(6, 8)}
SHAPES = ("circle", "square", "stripes", "noise")
COLOURS = ("red", "blue")


def draw_photo(number: int) -> Image.Image:
    """One of eight photos, no two alike and none symmetrical."""
    shape, colour = SHAPES[number % 4], COLOURS[number // 4]
    noise = np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    photo = Image.fromarray(noise // (1 if shape == "noise" else 8)).resize((320, 240))
    pen = ImageDraw.Draw(photo)
    if shape == "circle":
        pen.ellipse((20, 40, 140, 160), fill=colour)
    elif shape == "square":
        pen.rectangle((160, 60, 300, 200), fill=colour)
    else:
        for left in range(0, 160, 40):
            pen.rectangle((left, 0, left + 15, 239 if shape == "stripes" else 100), fill=colour)
    return photo


@pytest.fixture(scope="session")
def dataset_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight photos with two captions each, in the original Flickr8k layout, in splits of 4, 2 and 2; read-only."""
    folder = tmp_path_factory.mktemp("tiny-dataset")
    (folder / "Images").mkdir()
    rows = []
    for number in range(8):
        name, shape, colour = f"{number}.jpg", SHAPES[number % 4], COLOURS[number // 4]
        draw_photo(number).save(folder / "Images" / name, quality=95)
        rows += [f"{name}#0\tA {colour} {shape} .\n", f"{name}#1\tThe {shape} is {colour} .\n"]
    (folder / "Flickr8k.token.txt").write_text("".join(rows), encoding="utf-8")
    for split, numbers in SPLITS.items():
        names = "".join(f"{number}.jpg\n" for number in numbers)
        (folder / f"Flickr_8k.{split}Images.txt").write_text(names, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def photo_folder(dataset_folder: Path) -> Path:
    """The eight photos `0.jpg` to `7.jpg`; read-only."""
    return dataset_folder / "Images"


@pytest.fixture(scope="session")
def dataset(dataset_folder: Path) -> "Dataset":
    """The tiny dataset, read."""
    from polycap.dataset import load_dataset

    return load_dataset(dataset_folder)


@pytest.fixture(scope="session")
def xception() -> Any:
    """Keras' model itself, with random weights."""
    from polycap.encoder.artefact import round_tensors
    from polycap.encoder.network import build_xception

    model = build_xception()
    model.set_weights(round_tensors(random_tensors(model)))  # as an artefact has them
    return model


@pytest.fixture(scope="session")
def tensors(xception: Any) -> list[NDArray[np.float32]]:
    """Its 234 tensors; read-only."""
    return [np.asarray(value) for value in xception.get_weights()]


@pytest.fixture(scope="session")
def encoder_weights(tensors: list[NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of them, as `polycap tune-encoder` takes it; read-only."""
    from polycap.encoder.weight_files import save_weights

    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(tensors, path)
    yield path
    path.unlink()  # 83 MB, and pytest keeps the folders of three runs


@pytest.fixture(scope="session")
def folder_of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is made once, by whichever of pytest-xdist's processes needs it first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def encoder_folder(folder_of_all_workers: Path, request: pytest.FixtureRequest) -> Path:
    """An artefact of the random Xception, with a PCA of eight photos and photo layers of 512 units; read-only."""
    folder = folder_of_all_workers / "encoder"
    with FileLock(f"{folder}.lock"):
        if not (folder / "card.json").exists():
            _make_artefact(folder, request.getfixturevalue("tensors"))
    return folder


_encoders: list[Any] = []
"""The encoder that made the artefact, if this process did; it takes seconds."""


def _make_artefact(folder: Path, tensors: list[NDArray[np.float32]]) -> None:
    from encoders import make_encoder
    from polycap.encoder.encoder import Encoder
    from polycap.features.reduce import fit_pca
    from polycap.features.store import FeatureStore, StoreWriter

    encoder = Encoder(tensors)
    photos = np.stack([np.asarray(draw_photo(number).resize((299, 299))) for number in range(8)])
    names, shape = [f"{number}" for number in range(8)], (encoder.cells, sum(encoder.blocks))
    store = folder.parent / "cells-of-encoder"
    StoreWriter(store, names, shape, encoder=encoder.identity).write(dict(enumerate(encoder.grid(photos))), {})
    pca = fit_pca(FeatureStore(store), names, (8, 3, 1), blocks=encoder.blocks)
    encoder.artefact = make_encoder(folder, tensors=tensors, pca=pca, cells=encoder.cells, units=512)
    _encoders.append(encoder)


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> "Encoder":
    """The encoder of this artefact: 234 real tensors, only not trained ones."""
    from polycap.encoder.artefact import open_encoder
    from polycap.encoder.encoder import Encoder

    return _encoders[0] if _encoders else Encoder.load(open_encoder(encoder_folder))
