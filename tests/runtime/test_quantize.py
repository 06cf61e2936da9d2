"""The encoder in int8: what quantising leaves of a graph, `polycap quantize`, and who may ask for int8 and when."""

import contextlib
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as opset

import polycap
from polycap.encoder.artefact import open_encoder
from polycap.errors import CaptionRuntimeError
from polycap.features.store import FeatureStore
from polycap.photos.load import load_photo
from polycap.runtime import quantize
from polycap.runtime.choose import open_runtime
from polycap.runtime.encoder_graphs import EncoderGraphs
from polycap.runtime.graphs import new_graph
from polycap.runtime.openvino_runtime import OpenVINORuntime
from polycap.runtime.quantize import quantize_encoder, quantize_graph
from tiny import CODE, World, run_polycap

pytest_plugins = ["tiny_fixtures"]

FEW = 4


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize, "FEWEST", FEW)


@pytest.fixture(scope="module")
def int8_cache(
    tiny_data: Path, encoder_folder: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """A cache with an int8 encoder, and what the command said when it made it."""
    cache, photos = tmp_path_factory.mktemp("int8-cache"), tmp_path_factory.mktemp("photos")
    for path in sorted((tiny_data / "Images").glob("p*.jpg"))[:FEW]:
        shutil.copy(path, photos)
    (photos / "torn.jpg").write_text("not a photo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_CACHE", str(shared_cache))
        traced = EncoderGraphs(open_encoder(encoder_folder)).traced().parent
        shutil.copytree(traced, cache / "graphs" / traced.name, ignore=shutil.ignore_patterns("compiled"))
        patch.setattr(quantize, "FEWEST", FEW)
        patch.setenv("POLYCAP_CACHE", str(cache))
        return cache, run_polycap("quantize", photos, "--encoder", encoder_folder)


@pytest.fixture
def cache(int8_cache: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLYCAP_CACHE", str(int8_cache[0]))
    monkeypatch.delenv("POLYCAP_RUNTIME")
    return int8_cache[0]


def weights_of(model: Path) -> dict[str, set[str]]:
    """By kind of convolution, in which numbers its weights are."""
    found: dict[str, set[str]] = {}
    for node in openvino.Core().read_model(model).get_ops():
        if "Convolution" in (kind := node.get_type_name()):
            source = node.input_value(1).get_node()
            while source.get_type_name() != "Constant":
                source = source.input_value(0).get_node()
            found.setdefault(kind, set()).add(source.get_element_type().get_type_name())
    return found


def test_a_small_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Convolutions in int8, but the outer ones and those by channel; from how many photos; nothing on stdout."""
    generator = np.random.default_rng(0)

    def weights(*shape: int) -> Any:
        return opset.constant(generator.normal(size=shape).astype(np.float32))

    pixels = opset.parameter([-1, 3, 16, 16], np.uint8)
    ones = [1, 1], [1, 1], [1, 1], [1, 1]
    last = opset.convolution(opset.convert(pixels, "f32"), weights(8, 3, 3, 3), *ones)
    last = opset.group_convolution(opset.relu(last), weights(8, 1, 1, 3, 3), *ones)
    for _ in range(5):
        last = opset.convolution(last, opset.transpose(weights(3, 3, 8, 8), [3, 2, 0, 1]), *ones)
        numbers = [opset.constant(generator.uniform(0.5, 1.5, 8).astype(np.float32)) for _ in range(4)]
        last = opset.relu(opset.batch_norm_inference(opset.convert(last, "f32"), *numbers, 1e-3))
    openvino.save_model(openvino.Model([opset.result(last)], [pixels]), tmp_path / "whole.xml", compress_to_fp16=False)
    batches = [generator.integers(0, 256, (1, 3, 16, 16), dtype=np.uint8) for _ in range(5)]
    quantize_graph(tmp_path / "whole.xml", batches, tmp_path / "int8.xml")
    assert weights_of(tmp_path / "int8.xml") == {"Convolution": {"i8", "f32"}, "GroupConvolution": {"f32"}}
    kinds = {node.get_type_name() for node in openvino.Core().read_model(tmp_path / "int8.xml").get_ops()}
    assert "BatchNormInference" not in kinds  # quantising around it costs half of what int8 gains, and more
    assert openvino.Core().read_model(tmp_path / "int8.xml").get_rt_info(["polycap", "photos"]).value == "5"
    assert capsys.readouterr().out == ""
    one, other = (
        openvino.Core().compile_model(tmp_path / name, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(batches[0])[0]
        for name in ("whole.xml", "int8.xml")
    )
    assert 0 < np.linalg.norm(one - other) / np.linalg.norm(one) < 0.05


def test_the_command(int8_cache: tuple[Path, Any], encoder_folder: Path, cache: Path) -> None:
    done = int8_cache[1]
    assert done.status == 0, done.err
    path = EncoderGraphs(open_encoder(encoder_folder)).int8()
    assert path.is_relative_to(cache)
    assert done.out == f"{path}: int8, from {FEW} photos\n"
    assert "torn.jpg: is not an image that Pillow can read" in done.err
    assert weights_of(path) == {"Convolution": {"i8", "f32"}, "GroupConvolution": {"f32"}}
    assert not [each for each in path.parent.parent.iterdir() if each.name.startswith(".")]


@pytest.mark.usefixtures("cache")
def test_the_encoder_sees_about_what_it_sees_in_float32(photo_folder: Path, encoder_folder: Path) -> None:
    artefact = open_encoder(encoder_folder)
    rounded, whole = open_runtime(precision="int8").encoder(artefact), OpenVINORuntime("f32").encoder(artefact)
    assert (rounded.precision, rounded.identity) == ("int8", whole.identity)
    photos = np.stack([load_photo(path, 299) for path in sorted(photo_folder.iterdir())])
    one, other = (encoder.grid(photos).astype(np.float32) for encoder in (rounded, whole))
    assert one.shape == other.shape
    assert 0 < np.linalg.norm(one - other) / np.linalg.norm(other) < 0.5  # of weights that are random


@pytest.mark.usefixtures("cache")
def test_a_store_says_that_it_is_of_int8(tiny_data: Path, encoder_folder: Path, tmp_path: Path) -> None:
    options = ["--no-mirrored", "--encoder", encoder_folder, "--precision", "int8"]
    assert run_polycap("features", tiny_data, "--out", tmp_path / "f", *options).status == 0
    assert FeatureStore(tmp_path / "f" / "plain").precision == "int8"


# --- mistakes ---


def test_int8_before_it_is_made(
    photo_folder: Path, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No other runtime goes on in its place: what was asked for is int8."""
    monkeypatch.delenv("POLYCAP_RUNTIME")
    done = run_polycap("caption", photo_folder, "--language", CODE, "--precision", "int8")
    assert done.status == 1
    assert "no int8 encoder in" in done.err
    assert "make it, once, with `polycap quantize PHOTOS`" in done.err
    assert "Traceback" not in done.err
    with pytest.raises(CaptionRuntimeError, match="no int8 encoder"):
        polycap.load(CODE, precision="int8")
    with pytest.raises(CaptionRuntimeError, match="no int8 encoder"):
        open_runtime(precision="int8", reference=True).encoder(open_encoder(world.encoder))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.usefixtures("world")
def test_keras_has_no_int8(photo_folder: Path) -> None:
    done = run_polycap("caption", photo_folder, "--language", CODE, "--runtime", "keras", "--precision", "int8")
    assert done.status == 1
    assert "runtime keras: computes in f32 or bf16; for int8, choose --runtime openvino" in done.err


@pytest.mark.usefixtures("few")
def test_too_few_photos(photo_folder: Path, tmp_path: Path) -> None:
    for number in range(FEW):
        (tmp_path / f"{number}.jpg").write_text("not a photo")
    good = sorted(photo_folder.iterdir())[: FEW - 1]
    with pytest.raises(CaptionRuntimeError, match=f"takes {FEW} photos or more, .*; there are 3$"):
        quantize_encoder(good)
    with pytest.raises(CaptionRuntimeError, match=r"there are 3 \(4 can't be read, first: .*0\.jpg: is not an image"):
        quantize_encoder([*good, *sorted(tmp_path.iterdir())])


@pytest.mark.usefixtures("few")
def test_of_many_photos_some_are_taken(photo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From all over: photos taken on one day are alike."""
    monkeypatch.setattr(quantize, "MOST", 4)
    photos = sorted(photo_folder.iterdir())
    pixels, faults = quantize._read(photos)
    assert faults == []
    for batch, path in zip(pixels, photos[::2], strict=True):
        assert (batch == load_photo(path, 299)).all()


@pytest.mark.parametrize("arguments", [(), ("photos", "--data", "data")])
def test_photos_or_a_dataset(arguments: tuple[str, ...]) -> None:
    done = run_polycap("quantize", *arguments)
    assert (done.status, done.err) == (1, "polycap: name photos, or a dataset with --data: one of the two\n")


def test_the_photos_of_a_dataset_are_those_of_train(dataset_folder: Path) -> None:
    done = run_polycap("quantize", "--data", dataset_folder)
    assert done.err == "polycap: quantising the encoder takes 32 photos or more, better 300; there are 4\n"


def test_without_nncf(photo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    done = run_polycap("quantize", photo_folder)
    assert done.status == 1
    assert 'pip install "polycap[int8]"' in done.err


# --- the place of graphs ---


def test_a_new_graph_takes_the_place_of_the_old_one_or_leaves_it(tmp_path: Path) -> None:
    place = tmp_path / "graphs" / "one"
    for text in ("first", "second"):
        with new_graph(place) as made:
            (made / "model.xml").write_text(text)
        assert (place / "model.xml").read_text() == text
    with contextlib.suppress(KeyboardInterrupt), new_graph(place) as made:
        (made / "model.xml").write_text("half")
        raise KeyboardInterrupt
    assert (place / "model.xml").read_text() == "second"
    assert [path.name for path in place.parent.iterdir()] == ["one"]
