"""Tests of polycap/pipeline/tune.py, polycap/pipeline/tuning/ and polycap/cli/tune_encoder.py."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exit_flows import CELLS, WIDTHS, tiny_exit_flow
from polycap.dataset import Dataset
from polycap.decoder.shapes import photo_shapes
from polycap.encoder.artefact import EncoderArtefact, open_encoder
from polycap.errors import DatasetError
from polycap.features.store import FeatureStore
from polycap.pack.pack import load_pack
from polycap.pipeline import tune
from polycap.pipeline.plan import check_stages
from polycap.pipeline.tuning.job import TuningJob
from polycap.training.callbacks import save_arrays
from polycap.training.settings import TrainingSettings
from tiny import CODE, OTHER_CODE, Finished, decoder_settings, make_language, run_polycap

pytest_plugins = ["tiny_fixtures"]

STAGES = ["activations", "words", "encoder", "features", "decoders", "packs"]
WORDS = ["epochs=2", "words=8", "photos_per_batch=4"]
DECODERS = ["epochs=2", "units=16", "embedding=12", "photos_per_batch=4", "max_tokens=8", "self_critical_epochs=0"]
SETTINGS = [f"--set=words.{each}" for each in WORDS] + [f"--set=decoders.{each}" for each in DECODERS]
COMPONENTS = 3


class TinyMiddleFlow:
    """Middle flow of few channels: a photo's pixels, made smaller. It counts its calls."""

    identity, precision, size, cells, blocks = "tiny", "f32", 38, CELLS, (WIDTHS[728],)
    calls = 0

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        self.calls += 1
        pixels = photos[:, ::2, ::2].reshape(len(photos), CELLS, 3) / 255
        return np.concatenate([pixels, 1 - pixels[:, :, :1]], axis=-1).astype(np.float16)


class TinyEncoder:
    """Encoder of a photo's quarters, by tensors of the artefact."""

    precision, size, cells, blocks = "f32", 4, 4, (6,)

    def __init__(self, artefact: EncoderArtefact) -> None:
        self.artefact, self.identity = artefact, artefact.features
        self._kernel = artefact.tensors[-5][0, 0, :3, :6]

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        quarters = photos.reshape(-1, 2, 2, 2, 2, 3).mean(axis=(2, 4), dtype=np.float32).reshape(-1, 4, 3)
        return np.asarray(quarters / 255 @ self._kernel, dtype=np.float16)


class TinyRuntime:
    """Runtime of encoders alone."""

    name = "tiny"

    def __init__(self) -> None:
        self.flow = TinyMiddleFlow()

    def middle_flow(self, weights: Path | None = None) -> TinyMiddleFlow:  # noqa: ARG002
        return self.flow

    def encoder(self, artefact: EncoderArtefact) -> TinyEncoder:
        return TinyEncoder(artefact)


@contextmanager
def tiny_world(folder: Path) -> Iterator[TinyRuntime]:
    """Two languages, a tiny Xception, and the runtime that the command opens."""
    runtime, tensors = TinyRuntime(), tiny_exit_flow()
    for code in (CODE, OTHER_CODE):
        make_language(folder / "languages", code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_LANGUAGES", str(folder / "languages"))
        patch.setattr("polycap.pipeline.tuning.job.find_weights", lambda _: tensors)
        patch.setattr("polycap.runtime.choose.open_runtime", lambda *_, **__: runtime)
        for module in ("artefact", "weight_files"):
            patch.setattr(f"polycap.encoder.{module}.SHAPES", tuple(tensor.shape for tensor in tensors))
        yield runtime


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[TinyRuntime]:
    with tiny_world(tmp_path) as runtime:
        yield runtime


def tune_tiny(data: Path, out: Path, *more: str) -> Finished:
    captions = data / "captions.txt"
    sources = [f"--captions={CODE}={captions}", f"--captions={OTHER_CODE}={captions},origin=mt:x,weight=0.5"]
    options = ["--data", data, "--out", out, "--components", COMPONENTS, *sources, *SETTINGS, *more]
    return run_polycap("tune-encoder", *options)


@pytest.fixture(scope="module")
def tuned(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished, int]:
    """The folder of a run that nothing disturbed (read-only), what it printed, and the calls of the middle flow."""
    folder = tmp_path_factory.mktemp("tuned")
    with tiny_world(folder) as runtime:
        return folder / "out", tune_tiny(tiny_data, folder / "out", "--terms=made up"), runtime.flow.calls


def states(finished: Finished) -> list[list[str]]:
    return [line.split()[:2] for line in finished.out.splitlines()[: len(STAGES)]]


def test_the_command(tuned: tuple[Path, Finished, int]) -> None:
    out, made, calls = tuned
    assert made.status == 0, made
    assert states(made) == [[stage, "run"] for stage in STAGES]
    assert calls == 2  # ten photos, and the eight of the train split mirrored
    lines = made.out.splitlines()[len(STAGES) :]
    assert [line.split(":")[0] for line in lines[:4]] == ["epoch 1", "epoch 2", CODE, OTHER_CODE]
    [features] = (out / "features").iterdir()
    views = {path.parent.name: FeatureStore(path.parent).mirrored for path in features.glob("*/store.json")}
    assert views == {"plain": False, "mirrored": True}
    assert list(map(Path, lines[4:])) == [out / "packs" / CODE, out / "packs" / OTHER_CODE, features, out / "encoder"]


@pytest.mark.usefixtures("runtime")
def test_the_artefact_and_its_packs(tuned: tuple[Path, Finished, int]) -> None:
    encoder = open_encoder(tuned[0] / "encoder")
    assert encoder.photo_layers.keys() == photo_shapes(decoder_settings("attention")).keys()
    assert (encoder.pca.components, encoder.mean.shape) == (COMPONENTS, (COMPONENTS,))
    assert encoder.card.terms[1] == "made up"
    origins = encoder.card.data["train captions by language and origin"]
    assert origins == {CODE: "40 human", OTHER_CODE: "40 mt:x (weight 0.5)"}
    assert [row["language"] for row in encoder.card.scores] == [CODE, OTHER_CODE]
    for code in (CODE, OTHER_CODE):
        pack = load_pack(tuned[0] / "packs" / code, encoder)
        assert pack.card.encoder == encoder.identity
        assert pack.card.training["side by side"] == [CODE, OTHER_CODE]
        assert [row["split"] for row in pack.card.scores] == ["dev"]
        np.testing.assert_array_equal(pack.weights["place"], encoder.photo_layers["place"])


def tensor_files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.safetensors")}


@contextmanager
def stopped_at(monkeypatch: pytest.MonkeyPatch, target: str, call: int, function: Any) -> Iterator[None]:
    """Stop a run at a call of a function."""
    calls = []

    def stop(*arguments: Any, **more: Any) -> Any:
        calls.append(arguments)
        if len(calls) == call:
            raise KeyboardInterrupt
        return function(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(target, stop)
        yield
    assert len(calls) == call


def test_a_run_that_is_stopped_everywhere_ends_in_the_same_bytes(
    tuned: tuple[Path, Finished, int],
    runtime: TinyRuntime,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from polycap.features.reduce import reduce_store
    from polycap.training.run import write_pack

    out = tmp_path / "out"
    out.mkdir()
    for stage in ("activations", "words"):
        shutil.copytree(tuned[0] / stage, out / stage)
    stops: dict[str, tuple[str, int, Any]] = {
        "features": ("polycap.pipeline.tuning.features.reduce_store", 1, reduce_store),
        "decoders": ("polycap.training.callbacks.save_arrays", 2, save_arrays),  # the first epoch's checkpoint
        "packs": ("polycap.training.side_by_side.write_pack", 2, write_pack),
    }
    for stage, (target, call, function) in stops.items():
        with stopped_at(monkeypatch, target, call, function):
            stopped = tune_tiny(tiny_data, out, "--terms=made up")
        assert stopped.out.splitlines()[-1].split()[:2] == [stage, "run"]
    resumed = tune_tiny(tiny_data, out, "--terms=made up")
    assert states(resumed) == [[stage, "skip"] for stage in STAGES[:-1]] + [["packs", "run"]]
    assert runtime.flow.calls == 0
    assert tensor_files(out) == tensor_files(tuned[0])
    again = tune_tiny(tiny_data, out, "--terms=made up")
    assert {action for _, action in states(again)} == {"skip"}


def test_another_share_is_made_of_the_same_run(
    tuned: tuple[Path, Finished, int], runtime: TinyRuntime, tiny_data: Path, tiny_dataset: Dataset
) -> None:
    captions, other = tiny_data / "captions.txt", f"{OTHER_CODE}={tiny_data / 'captions.txt'},origin=mt:x,weight=0.5"
    sources = tune.parse_captions([f"{CODE}={captions}", other])
    settings = [f"words.{each}" for each in (*WORDS, "share=0.5")] + [f"decoders.{each}" for each in DECODERS]
    words, decoders = tune.parse_tuning(settings, list(sources))
    languages = tune.read_languages(tiny_dataset, sources, decoders)
    job = TuningJob(tiny_dataset, languages, tuned[0], runtime, words=words)  # type: ignore[arg-type]
    activations, again, *_ = check_stages(kind(job) for kind in tune.STAGES)
    assert (activations.action, again.action) == ("skip", "run")
    assert again.reason == "changed: words.share (1.0 → 0.5)"
    assert again.place
    assert (again.place / "checkpoint.npz").is_file()


@pytest.mark.usefixtures("runtime")
def test_decoders_side_by_side_learn_longer_than_one_alone() -> None:
    _, recipes = tune.parse_tuning(["decoders.self_critical_epochs=2"], [CODE])
    assert (recipes[CODE].epochs, recipes[CODE].self_critical_epochs) == (9, 2)
    assert TrainingSettings().epochs < 9


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--captions", "captions.txt"], "captions 'captions.txt': expected CODE=FILE, such as"),
        (["--captions", f"{CODE}=missing.txt"], "missing.txt: "),
        (["--captions", "xx=captions.txt"], "xx"),
        (["--captions", f"{CODE}=captions.txt", "--set=epochs=1"], "expected words.NAME=VALUE or decoders.NAME=VALUE"),
        (
            ["--captions", f"{CODE}=captions.txt", "--set=words.epoch=1"],
            "'epoch=1': expected NAME=VALUE, where NAME is one",
        ),
        (["--captions", f"{CODE}=other.txt"], "other.txt: no caption of a train photo of data for qaa"),
        (
            ["--captions", f"{CODE}=captions.txt", "--set=decoders.kind=merge"],
            "kind=merge, epochs=9: side by side the kind is attention, with an epoch or more",
        ),
    ],
)
def test_faults_of_the_command_are_one_line(
    options: list[str], fault: str, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captions.txt").write_bytes((tiny_data / "captions.txt").read_bytes())
    (tmp_path / "other.txt").write_text("image,caption\np05.jpg,a dev photo\n", encoding="utf-8")
    found = run_polycap("tune-encoder", "--data", tiny_data, "--out", "out", *options)
    assert fault in found.fault()
    assert not (tmp_path / "out").exists()


def test_without_captions(tiny_dataset: Dataset, runtime: TinyRuntime, tmp_path: Path) -> None:
    options = tune.TuningOptions(runtime=runtime)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="no captions to tune the encoder on"):
        tune.tune_encoder(tiny_dataset, {}, tmp_path / "out", options)
