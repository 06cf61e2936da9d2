"""Tests of training with another Keras backend than TensorFlow, if one is installed."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from polycap.training.inputs import TrainingInputs
from polycap.training.run import train_decoder
from tiny import training_settings

pytest_plugins = ["tiny_fixtures"]

ROOT = Path(__file__).parent.parent.parent
BACKENDS = [name for name in ("jax", "torch") if find_spec(name)]

TRAIN = """
import sys
from pathlib import Path
from polycap.machine.backend import keras
from polycap.dataset import load_dataset
from polycap.encoder.artefact import open_encoder
from polycap.features.store import FeatureStore
from polycap.language import load_language
from polycap.training.inputs import TrainingInputs
from polycap.training.run import train_decoder
from polycap.training.settings import TrainingSettings

data, language, plain, mirrored, start, run = map(Path, sys.argv[1:7])
stores = [FeatureStore(plain), FeatureStore(mirrored)]
inputs = TrainingInputs(load_language(language), load_dataset(data), stores, open_encoder(), initial_pack=start)
train_decoder(inputs, run, TrainingSettings.model_validate_json(sys.argv[7]), progress=False)
print(keras.backend.backend(), "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize(
    "backend", BACKENDS or [pytest.param("", marks=pytest.mark.skip("neither JAX nor PyTorch is installed"))]
)
def test_both_phases_train_alike_with_another_backend(
    backend: str, tiny_inputs: TrainingInputs, tmp_path: Path
) -> None:
    """From the same weights and without dropout, both backends have the same losses; TensorFlow is not loaded."""
    dropouts = {"feature_dropout": 0.0, "embedding_dropout": 0.0, "output_dropout": 0.0}
    start = train_decoder(tiny_inputs, tmp_path / "start", training_settings(epochs=1, **dropouts), progress=False)
    settings = training_settings(epochs=2, self_critical_epochs=1, **dropouts)
    inputs = [tiny_inputs.dataset.folder, tiny_inputs.language.folder, *(store.folder for store in tiny_inputs.stores)]

    run = tmp_path / backend
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, *map(str, [*inputs, start, run]), settings.model_dump_json()],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == backend
    assert json.loads((run / "config.json").read_text(encoding="utf-8"))["versions"][backend] != "not installed"
    train_decoder(replace(tiny_inputs, initial_pack=start), tmp_path / "tensorflow", settings, progress=False)
    found, expected = losses(run), losses(tmp_path / "tensorflow")
    np.testing.assert_allclose(found, expected, rtol=0.05)
    assert found[1] < found[0]


def losses(run: Path) -> list[float]:
    """The loss of each epoch of teacher forcing."""
    rows = (run / "log.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [float(row.split(",")[1]) for row in rows]
