"""The private parts of other libraries are still there: a test that fails names the one that has gone."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import features

from polycap.machine.backend import keras
from polycap.machine.private_apis import pillow_webp_extension, replace_keras_home


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Any:
    from keras.src.backend import config

    monkeypatch.setattr(config, "_KERAS_DIR", "old")
    return config


def test_keras_src_backend_config_keras_dir(config: Any) -> None:
    replace_keras_home("another", "new")
    assert config._KERAS_DIR == "old"
    replace_keras_home("old", "new")
    assert (config._KERAS_DIR, config.keras_home()) == ("new", "new")


def test_keras_downloads_go_to_the_user_s_folder() -> None:
    from keras.src.backend import config

    assert keras.__version__
    assert config.keras_home() not in ("", os.devnull)


def test_pil_webp() -> None:
    path = pillow_webp_extension()
    assert (path is not None) == features.check("webp")
    assert path is None or Path(path).is_file()


def test_where_they_have_gone_nothing_happens(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL._webp", None)
    assert pillow_webp_extension() is None
    monkeypatch.delattr(config, "_KERAS_DIR")
    replace_keras_home("old", "new")
    assert not hasattr(config, "_KERAS_DIR")
