"""Tests of polycap/dataset/names.py: captions that name their photos otherwise than the files are named."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest

from caption_files import add_official, add_photos
from polycap.dataset import load_dataset
from polycap.dataset.names import match_names
from polycap.dataset.readers import read_captions

SHARED = os.environ.get("POLYCAP_SHARED")
NFC, NFD = (unicodedata.normalize(form, "Café.jpg") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "name",
    [
        "Images/x.JPG",
        "./x.JPG",
        "Images\\x.JPG",
        "C:\\photos\\x.JPG",
        "/home/me/Images/x.JPG",
        "x.jpg",
        "X.jpg",
        "Images/X.jpg",
        "x",
        "Images/X",
    ],
)
def test_a_name_that_can_mean_one_photo_only(name: str) -> None:
    assert match_names([name], ["x.JPG", "y.jpg"]) == {name: "x.JPG"}


@pytest.mark.parametrize(
    ("names", "photos"),
    [
        (["x.jpg"], ["x.jpg"]),  # its own
        (["X.JPG"], ["x.jpg", "x.JPG"]),
        (["x"], ["x.jpg", "x.png"]),
        (["x.jpg"], ["x.png"]),
        (["train/1.jpg", "test/1.jpg"], ["1.jpg"]),
        (["a/1.jpg", "1.jpg"], ["1.jpg"]),
        (["x.jpg", "X.jpg"], ["X.JPG"]),
        (["y.jpg"], ["x.jpg"]),
    ],
)
def test_a_name_that_can_mean_several_or_none(names: list[str], photos: list[str]) -> None:
    assert match_names(names, photos) == {}


def test_another_unicode_form() -> None:
    assert match_names([NFD], [NFC]) == {NFD: NFC}
    assert match_names([NFC, NFD], [NFC, NFD]) == {}


def test_twins_are_two_photos(tmp_path: Path) -> None:
    add_photos(tmp_path / "Images", (NFC, NFD))
    if len(list((tmp_path / "Images").iterdir())) < 2:
        pytest.skip("this file system has one file of the two names")
    (tmp_path / "captions.txt").write_text(f"image,caption\n{NFC},a cat\n{NFD},a dog\n", encoding="utf-8")
    captions = {photo.path.name: photo.captions[0].text for photo in load_dataset(tmp_path).photos}
    assert captions == {NFC: "a cat", NFD: "a dog"}


def test_captions_splits_and_lines_take_the_photos_names(tmp_path: Path) -> None:
    add_photos(tmp_path / "Images", ("a.JPG", "b.jpg", "c.png"))
    rows = "Images\\a.jpg,a dog\nImages\\b.jpg,a cat\nImages\\c.jpg,a cow\n"
    (tmp_path / "captions.txt").write_text(f"image,caption\n{rows}", encoding="utf-8")
    add_official(tmp_path, train="a.jpg", dev="b.jpg", test="c.png")
    dataset = load_dataset(tmp_path)
    assert [(photo.name, photo.split, photo.captions[0].text) for photo in dataset.photos] == [
        ("a.JPG", "train", "a dog"),
        ("b.jpg", "dev", "a cat"),
    ]
    assert str(dataset.faults[0]) == (
        "captions.txt:4: no photo 'Images\\\\c.jpg' in Images; its 1 captions are left out; near it is 'c.png'"
    )
    other = tmp_path / "de.txt"
    other.write_text("./a.jpg#0\tein Hund\nb#0\teine Katze\n", encoding="utf-8")
    german = dataset.with_captions(read_captions(other)[0])
    assert [photo.captions[0].text for photo in german.photos] == ["ein Hund", "eine Katze"]


@pytest.mark.skipif(not SHARED, reason="POLYCAP_SHARED is not set: no cases to read")
@pytest.mark.parametrize("case", ["backslash", "folder-prefix", "upper-case"])
def test_the_cases(tmp_path: Path, case: str) -> None:
    folder = shutil.copytree(Path(str(SHARED)) / "cases" / f"dataset-{case}", tmp_path / "data")
    dataset = load_dataset(folder)
    assert [photo.captions[0].text for photo in dataset.photos] == ["a dog runs"]
    assert dataset.faults == ()
