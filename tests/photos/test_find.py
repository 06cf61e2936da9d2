"""Tests of polycap/photos/find.py and polycap/photos/suffixes.py."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from polycap.errors import PhotoError
from polycap.photos.find import FoundPhotos, find_photos
from polycap.photos.load import load_photo
from polycap.photos.suffixes import FORMATS, PHOTO_SUFFIXES


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def below(folder: Path, paths: "list[Path] | dict[Path, str]") -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


# --- folders ---


def test_photos_of_a_folder_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.JPG", "a.png", "sub/c.webp", "sub/deep/d.tiff", "notes.txt", "._a.png", "sub/e.jpg.txt")
    (tmp_path / "folder.jpg").mkdir()
    found = find_photos(tmp_path)
    assert below(tmp_path, found.photos) == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.tiff"]
    assert (found.faults, found.skipped, found.skipped_line()) == ({}, [], "")


def test_a_file_is_itself_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, "photo")
    assert find_photos(tmp_path / "photo") == FoundPhotos([tmp_path / "photo"])


def test_no_photos(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt")
    assert f"{tmp_path}: no photo in this folder (looked for .3fr, " in find_photos(tmp_path).faults[tmp_path]
    none = tmp_path / "none"
    assert find_photos(none).faults == {none: f"{none}: no such file or folder"}


def test_neither_file_nor_folder() -> None:
    """Such as a pipe."""
    assert "is neither a file nor a folder" in find_photos(Path(os.devnull)).faults[Path(os.devnull)]


def test_every_format_is_looked_for_by_all_its_suffixes() -> None:
    Image.init()
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    assert known <= PHOTO_SUFFIXES
    for suffix in (".jfif", ".jpe", ".hif", ".jp2", ".mpo", ".apng", ".avifs", ".jxl", ".dng", ".nef", ".cr2", ".arw"):
        assert suffix in PHOTO_SUFFIXES


# --- what is not to be captioned ---


def test_deleted_and_hidden_photos_are_skipped_in_one_line(tmp_path: Path) -> None:
    folders = [".Trash-1000", ".git", ".thumbnails", "#recycle", "@eaDir", "lost+found", "$RECYCLE.BIN", "__MACOSX"]
    make(tmp_path, "a.jpg", "b/.x.jpg", ".notes.txt", *(f"{folder}/files/t.jpg" for folder in folders))
    found = find_photos(tmp_path)
    assert below(tmp_path, found.photos) == ["a.jpg"]
    assert sorted(below(tmp_path, found.skipped)) == sorted([*folders, "b/.x.jpg"])
    line = found.skipped_line()
    assert line.startswith(f"skipped 9 hidden, deleted, thumbnail or repeated ({tmp_path / '#recycle'}, ")
    assert "\n" not in line
    assert found.faults == {}
    assert below(tmp_path, find_photos(tmp_path / ".Trash-1000").photos) == [".Trash-1000/files/t.jpg"]


# --- links ---


def test_linked_folders_are_searched_once(tmp_path: Path) -> None:
    """Also if they link to a folder that contains them; a photo has its path without a link, if it has one."""
    make(tmp_path, "top/z/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "top/a_link").symlink_to(tmp_path / "top/z")
    (tmp_path / "top/z/loop").symlink_to(tmp_path / "top")
    (tmp_path / "top/other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "top/photo.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")
    found = find_photos(tmp_path / "top")
    assert below(tmp_path / "top", found.photos) == ["other/b.jpg", "photo.jpg", "z/a.jpg"]
    assert below(tmp_path / "top", found.skipped) == ["a_link", "z/loop"]
    assert found.faults == {}


def test_links_to_nothing_and_to_themselves_are_faults(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    for link, target in [("album", "gone"), ("b.jpg", "gone.jpg"), ("c.jpg", "c.jpg"), (".#lock", "nobody")]:
        (tmp_path / link).symlink_to(tmp_path / target)
    found = find_photos(tmp_path)
    assert below(tmp_path, found.photos) == ["a.jpg"]
    assert below(tmp_path, found.faults) == ["album", "b.jpg", "c.jpg"]
    assert found.faults[tmp_path / "b.jpg"] == f"{tmp_path / 'b.jpg'}: a link to what is not there"
    assert "can't be looked at (" in found.faults[tmp_path / "c.jpg"]
    assert list(find_photos(tmp_path / "album").faults) == [tmp_path / "album"]


# --- what can't be looked at ---


@contextmanager
def as_somebody() -> Iterator[None]:
    """Without root's rights."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
def test_folders_without_rights_are_faults_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.jpg", "closed/b.jpg", "no_x/c.jpg", "z/d.jpg")
    tmp_path.chmod(0o755)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "no_x").chmod(0o444)
    monkeypatch.chdir(tmp_path)
    with as_somebody():
        found = find_photos(Path())
        alone = find_photos(Path("closed/b.jpg"))
        with pytest.raises(PhotoError) as caught:
            load_photo(Path("no_x/c.jpg"), 8)
    assert found.photos == [Path("a.jpg"), Path("no_x/c.jpg"), Path("z/d.jpg")]
    assert found.faults == {Path("closed"): "closed: can't be looked at (Permission denied)"}
    assert alone.faults == {Path("closed/b.jpg"): "closed/b.jpg: can't be looked at (Permission denied)"}
    assert str(caught.value) == "no_x/c.jpg: can't be read (Permission denied)"
    for name in ("closed", "no_x"):
        (tmp_path / name).chmod(0o700)


@pytest.mark.parametrize("name", ["x" * 256 + ".jpg", "a\0b.jpg", "a.jpg/b.jpg"])
def test_names_that_can_not_be(tmp_path: Path, name: str) -> None:
    make(tmp_path, "a.jpg")
    [(path, message)] = find_photos(tmp_path / name).faults.items()
    assert path == tmp_path / name
    assert message.startswith(f"{path}: ")
