"""Tests of polycap/runtime/choose.py."""

import logging
import sys

import pytest

import polycap
from polycap.errors import CaptionRuntimeError
from polycap.runtime import graphs
from polycap.runtime.choose import open_runtime
from polycap.runtime.keras_runtime import KerasRuntime, KerasSearch
from polycap.runtime.openvino_runtime import OpenVINORuntime
from polycap.runtime.precision import FPMATH, choose_precision
from tiny import CODE

pytest_plugins = ["tiny_fixtures"]


@pytest.mark.usefixtures("world", "cache")
def test_without_openvino(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(CaptionRuntimeError, match=r'pip install "polycap\[fast\]", or choose `runtime` keras'):
        polycap.load(CODE, runtime="openvino")
    assert caplog.messages == []
    runtime = open_runtime()
    captioners = [polycap.load(CODE, runtime=runtime) for _ in range(2)]
    assert all(isinstance(captioner._search, KerasSearch) for captioner in captioners)
    [notice] = caplog.messages  # and no more for the second
    assert "runtime openvino needs OpenVINO, which is not available (" in notice
    assert notice.endswith("continuing with keras")


@pytest.mark.usefixtures("world", "cache")
def test_where_keras_can_not_be_traced(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(graphs, "_versions", lambda: ["others"])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    caplog.set_level(logging.WARNING, "polycap")
    assert isinstance(polycap.load(CODE)._search, KerasSearch)
    [notice] = caplog.messages
    assert "the encoder can't be traced (status 1); continuing with keras" in notice


def test_which_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_runtime(), KerasRuntime)  # as conftest's POLYCAP_RUNTIME says
    assert isinstance(open_runtime("openvino"), OpenVINORuntime)
    with pytest.raises(CaptionRuntimeError, match="`runtime` fast: no such runtime; there are auto, openvino, keras"):
        open_runtime("fast")
    monkeypatch.setenv("POLYCAP_RUNTIME", "torch")
    with pytest.raises(CaptionRuntimeError, match="POLYCAP_RUNTIME torch: no such runtime"):
        open_runtime()


def test_which_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FPMATH, "BF16")
    assert (choose_precision(), choose_precision("f32")) == ("auto", "f32")
    with pytest.raises(CaptionRuntimeError, match="`precision` f16: no such precision; there are auto, f32, bf16, i"):
        open_runtime(precision="f16")
    monkeypatch.setenv(FPMATH, "STRICT")
    assert (choose_precision(), choose_precision("bf16")) == ("f32", "bf16")
    monkeypatch.setenv("POLYCAP_PRECISION", "double")
    with pytest.raises(CaptionRuntimeError, match="POLYCAP_PRECISION double: no such precision"):
        open_runtime()
