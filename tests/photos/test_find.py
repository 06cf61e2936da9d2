"""Tests of polycap/photos/find.py."""

import os
from pathlib import Path

import pytest

from polycap.errors import PhotoError
from polycap.photos.find import find_photos

# --- folders ---


def test_photos_of_a_folder_in_order(tmp_path: Path) -> None:
    names = ["b.JPG", "a.png", "sub/c.webp", "sub/deep/d.tiff", "notes.txt", "._a.png", "sub/e.jpg.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)]
    assert found == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.tiff"]


def test_a_file_is_itself_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "photo").touch()
    assert find_photos(tmp_path / "photo") == [tmp_path / "photo"]


def test_no_photos(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PhotoError, match=r"no photo in this folder \(looked for \.avif, "):
        find_photos(tmp_path)
    with pytest.raises(PhotoError, match="no such file or folder"):
        find_photos(tmp_path / "none")


def test_neither_file_nor_folder() -> None:
    """Such as a pipe."""
    with pytest.raises(PhotoError, match="is neither a file nor a folder"):
        find_photos(Path(os.devnull))
