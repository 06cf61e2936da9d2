"""Tests of polycap/pipeline/tune.py and polycap/cli/tune_encoder.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exit_flows import CELLS, WIDTHS, tiny_exit_flow
from polycap.errors import DatasetError
from polycap.pipeline import tune
from tiny import CODE, make_language, run_polycap

pytest_plugins = ["tiny_fixtures"]

SETTINGS = ["--set=epochs=2", "--set=words=8", "--set=photos_per_batch=4"]


class TinyMiddleFlow:
    """Middle flow of few channels: a photo's pixels, made smaller. It counts its calls."""

    identity = "tiny"
    precision, size, cells, blocks = "f32", 38, CELLS, (WIDTHS[728],)
    calls = 0

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        self.calls += 1
        pixels = photos[:, ::2, ::2].reshape(len(photos), CELLS, 3) / 255
        return np.concatenate([pixels, 1 - pixels[:, :, :1]], axis=-1).astype(np.float16)


class TinyRuntime:
    """Runtime that has a middle flow alone."""

    def __init__(self) -> None:
        self.flow = TinyMiddleFlow()

    def middle_flow(self, weights: Path | None = None) -> TinyMiddleFlow:  # noqa: ARG002
        return self.flow


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRuntime:
    """The runtime that the command opens, in a world with one language and a tiny Xception."""
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(make_language(tmp_path / "languages").parent))
    monkeypatch.setattr(tune, "find_weights", lambda _: tiny_exit_flow())
    runtime = TinyRuntime()
    monkeypatch.setattr("polycap.runtime.choose.open_runtime", lambda *_, **__: runtime)
    return runtime


def test_the_command(runtime: TinyRuntime, tiny_data: Path, tmp_path: Path) -> None:
    captions = tiny_data / "captions.txt"
    options = ["--data", tiny_data, "--captions", f"{CODE}={captions}", "--out", tmp_path / "out", *SETTINGS]
    made = run_polycap("tune-encoder", *options)
    assert made.status == 0, made
    *epochs, weights = made.out.splitlines()
    assert [line.split(":")[0] for line in epochs] == ["epoch 1", "epoch 2"]
    assert Path(weights) == tmp_path / "out" / "xception.safetensors"
    assert Path(weights).is_file()
    assert runtime.flow.calls == 2  # ten photos, and the eight of the train split mirrored
    before = Path(weights).read_bytes()
    again = run_polycap("tune-encoder", *options)
    assert (again.out, runtime.flow.calls) == (made.out, 2)  # all is there
    assert Path(weights).read_bytes() == before


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--captions", "captions.txt"], "captions 'captions.txt': expected CODE=FILE, such as"),
        (["--captions", f"{CODE}=missing.txt"], "missing.txt: "),
        (["--captions", "xx=captions.txt"], "xx"),
        (["--captions", f"{CODE}=captions.txt", "--set=epoch=1"], "'epoch=1': expected NAME=VALUE, where NAME is one"),
        (["--captions", f"{CODE}=other.txt"], "other.txt: no caption of a train photo of data for qaa"),
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


def test_without_captions_or_a_split(tiny_dataset: Any, runtime: TinyRuntime, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no captions to tune the encoder on"):
        tune.tune_encoder(tiny_dataset, {}, tmp_path / "out", runtime=runtime)  # type: ignore[arg-type]
