"""Tests of polycap/files/folders.py."""

import os
from pathlib import Path

import pytest

from polycap.errors import PolycapError
from polycap.files import cache_folder, make_folder


def test_a_folder_that_is_there_is_taken(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert make_folder(tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_file_in_the_folders_place_is_an_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PolycapError, match="can't make this folder"):
        make_folder(tmp_path / path)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root, whom nothing stops
    with pytest.raises(PolycapError, match="is not writable"):
        make_folder(tmp_path)


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("POLYCAP_CACHE", "")
    assert cache_folder().name == "polycap"
