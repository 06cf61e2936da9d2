"""Imports without telemetry, and Keras without the user's settings file."""

import json
import os
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polycap.decoder.kinds import build_decoder
from polycap.encoder.encoder import Encoder
from polycap.encoder.network import build_xception
from polycap.errors import CaptionRuntimeError
from polycap.machine.backend import keras
from polycap.machine.telemetry import import_openvino, without_telemetry
from tiny import decoder_settings

TELEMETRY = "openvino_telemetry"


def test_telemetry_is_absent_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, TELEMETRY, raising=False)
    with without_telemetry(), without_telemetry(), pytest.raises(ImportError):
        import_module(TELEMETRY)
    assert TELEMETRY not in sys.modules
    users_own = ModuleType(TELEMETRY)
    monkeypatch.setitem(sys.modules, TELEMETRY, users_own)
    with pytest.raises(ImportError), without_telemetry():
        import_module(TELEMETRY)
    assert sys.modules[TELEMETRY] is users_own


def test_threads_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the second would take the first one's None for the user's own."""
    monkeypatch.delitem(sys.modules, TELEMETRY, raising=False)
    inside, leave = threading.Event(), threading.Event()

    def second() -> None:
        with without_telemetry():
            inside.set()
            leave.wait(10)

    with without_telemetry():
        thread = threading.Thread(target=second)
        thread.start()
        assert not inside.wait(0.05)
    assert inside.wait(10)
    leave.set()
    thread.join()
    assert TELEMETRY not in sys.modules


def test_openvino_without_reports(tmp_path: Path) -> None:
    """In a process that has not imported it yet; the package for reports can be imported afterwards."""
    (tmp_path / "openvino_telemetry").mkdir()
    (tmp_path / "openvino_telemetry" / "__init__.py").write_text("print('reports')")
    code = "from polycap.machine.telemetry import *; import_openvino(); print('before'); import openvino_telemetry"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "before\nreports\n"
    assert import_openvino() is sys.modules["openvino"]


KERAS = """
import os
from polycap.machine.backend import keras
from keras.src.backend.config import keras_home
print(keras.config.floatx(), keras.config.image_data_format(), os.environ.get("KERAS_HOME"), keras_home())
"""


@pytest.mark.parametrize("given", [True, False])
def test_keras_reads_and_writes_no_settings_file(given: bool, tmp_path: Path) -> None:
    """Nor is one written; downloads of the user's own go where they went."""
    settings = tmp_path / ".keras" / "keras.json"
    written = json.dumps({"floatx": "float64", "epsilon": 1e-3, "image_data_format": "channels_first"})
    if given:
        settings.parent.mkdir()
        settings.write_text(written)
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    environment |= {"KERAS_HOME": str(settings.parent)} if given else {"HOME": str(tmp_path)}
    environment |= {"KERAS_BACKEND": "openvino"}  # which is loaded sooner than TensorFlow
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", KERAS], env=environment, capture_output=True, text=True, check=True)
    home = settings.parent
    assert done.stdout == f"float32 channels_last {home if given else None} {home}\n"
    assert list(tmp_path.rglob("*.json")) == ([settings] if given else [])
    assert not given or settings.read_text() == written


def test_the_encoder_names_the_backend_that_it_needs(monkeypatch: pytest.MonkeyPatch, tensors: Any) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(CaptionRuntimeError, match="needs Keras' backend tensorflow, and here it is jax, by KERAS_BACK"):
        Encoder(tensors)


def test_a_program_of_other_numbers_is_told() -> None:
    """One that polycap is part of, and that has set Keras up for itself."""
    try:
        keras.config.set_floatx("float64")
        with pytest.raises(CaptionRuntimeError, match=r'floatx\(\) is float64 in .*; call .*set_floatx\("float32"\)'):
            build_decoder(decoder_settings("merge"))
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("mixed_bfloat16")
        with pytest.raises(CaptionRuntimeError, match=r"dtype_policy\(\) is mixed_bfloat16 .* with runtime openvino"):
            build_xception()
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
