"""Tests of polycap/translation/engine.py."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polycap.errors import TranslationError
from polycap.translation.engine import Translation, available_engines, open_translator

ENGINE = """
from polycap.translation.engine import Translation

class Echo:
    name = "echo"
    def pairs(self):
        return [("xa", "xb")]
    def open(self, source, target):
        return Translator(f"echo/{source}_{target}@1")

class Translator:
    def __init__(self, identity):
        self.identity = identity
    def translate(self, texts):
        return [Translation(text[::-1], -0.5) for text in texts]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Function that installs a distribution on `sys.path`: a module, and its entry point for engines."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(distribution: str, point: str, code: str) -> None:
        module = distribution.replace("-", "_")
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(code)
        facts = tmp_path / f"{module}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[polycap.translators]\n{point}\n")

    return make


def test_polycaps_own_engines() -> None:
    assert {"apertium", "argos"} <= available_engines().keys()
    assert list(available_engines()) == sorted(available_engines())
    for engine in available_engines():
        with pytest.raises(TranslationError, match=r"xx→xy|not installed"):
            open_translator(engine, "xx", "xy")


def test_listing_engines_loads_none(install: Callable[[str, str, str], None]) -> None:
    install("polycap-echo", "echo = polycap_echo:Echo", "raise RuntimeError('loaded')")
    assert available_engines()["echo"] == "polycap_echo:Echo"


def test_an_engine_of_another_package(install: Callable[[str, str, str], None]) -> None:
    install("polycap-echo", "echo = polycap_echo:Echo", ENGINE)
    translator = open_translator("echo", "xa", "xb")
    assert translator.identity == "echo/xa_xb@1"
    assert translator.translate(["abc"]) == [Translation("cba", -0.5)]


def test_an_unknown_engine() -> None:
    with pytest.raises(TranslationError, match="no translation engine 'argo'; there are apertium, argos"):
        open_translator("argo", "xa", "xb")


@pytest.mark.parametrize("name", ["echo", "argos"])
def test_two_of_one_name_are_both_named(name: str, install: Callable[[str, str, str], None]) -> None:
    install("polycap-echo", f"{name} = polycap_echo:Echo", ENGINE)
    install("polycap-other", f"{name} = polycap_other:Echo", ENGINE)
    with pytest.raises(TranslationError, match=rf"engine '{name}' comes from both .* and polycap_\w+:Echo; remove one"):
        available_engines()


@pytest.mark.parametrize(
    ("point", "code", "reason"),
    [
        ("echo = polycap_echo:Echo", "import not_there_at_all", "ModuleNotFoundError"),
        ("echo = polycap_echo:Echo", "raise OSError('no such library')", "OSError: no such library"),
        ("echo = polycap_echo:Echo", "def broken(", "SyntaxError"),
        ("echo = polycap_echo:Nothing", ENGINE, "AttributeError.*Nothing"),
        ("echo = polycap_echo", ENGINE, "AttributeError"),
        ("echo = nowhere_to_be_found:Echo", ENGINE, "ModuleNotFoundError"),
    ],
)
def test_an_engine_that_cannot_be_loaded(
    point: str, code: str, reason: str, install: Callable[[str, str, str], None]
) -> None:
    install("polycap-echo", point, code)
    with pytest.raises(TranslationError, match=rf"translation engine 'echo': .* can't be loaded \({reason}"):
        open_translator("echo", "xa", "xb")
    assert "argos" in available_engines()
