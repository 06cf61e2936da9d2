"""Tests of polycap/dataset/splits.py."""

from pathlib import Path

import pytest

from caption_files import NAMES, add_official, token_rows
from polycap.dataset import load_dataset
from polycap.dataset.splits import hash_split, hash_splits
from polycap.errors import DatasetError


def splits_of(folder: Path) -> dict[str, str]:
    return {photo.name: photo.split for photo in load_dataset(folder).photos}


# --- splits ---


def test_official_splits_are_preferred_to_those_of_the_caption_file_and_leave_photos_in_none(folder: Path) -> None:
    (folder / "my.csv").write_text("image,caption,split\n" + "".join(f"{name},x,test\n" for name in NAMES))
    add_official(folder, train="a.jpg", dev="b.jpg", test="c.jpg")
    dataset = load_dataset(folder)
    assert [photo.split for photo in dataset.photos] == ["train", "dev", "test", ""]
    assert dataset.faults == ()
    assert [photo.name for photo in dataset.split("test")] == ["c.jpg"]
    with pytest.raises(DatasetError, match="choose one of train, dev, test"):
        dataset.split("val")


def test_a_photo_in_two_splits_never_stays_in_train(folder: Path) -> None:
    (folder / "my.csv").write_text("image,caption,split\na.jpg,x,train\na.jpg,y,test\na.jpg,z,train\nb.jpg,w,extra\n")
    dataset = load_dataset(folder)
    assert splits_of(folder) == {"a.jpg": "test", "b.jpg": ""}
    assert [fault.where for fault in dataset.faults if "my.csv" in fault.where] == [
        "my.csv:3",
        "my.csv:4",
        "my.csv:5",
    ]


def test_a_missing_split_file_is_a_fault(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text(token_rows())
    add_official(folder, train="a.jpg b.jpg", test="c.jpg")
    (fault,) = load_dataset(folder).faults
    assert fault.where == "Flickr_8k.devImages.txt"


def test_without_splits_names_are_hashed_and_the_dataset_names_that_source(tmp_path: Path) -> None:
    names = tuple(f"{i}.jpg" for i in range(300))
    (tmp_path / "Images").mkdir()
    for name in names:
        (tmp_path / "Images" / name).touch()
    (tmp_path / "captions.txt").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in names))
    dataset = load_dataset(tmp_path)
    assert dataset.split_source == "hash of the photo's name"
    sizes = [len(dataset.split(name)) for name in ("train", "dev", "test")]
    assert sizes == [245, 25, 30]  # fixed for ever: a change would move photos between splits


@pytest.mark.parametrize("count", range(2, 12))
def test_a_few_photos_have_a_train_and_a_dev_split(count: int) -> None:
    for start in range(20):
        splits = hash_splits(f"{start + number}.jpg" for number in range(count))
        assert {"train", "dev"} <= set(splits.values())
        large = {name: hash_split(name) for name in splits}
        if {"train", "dev"} <= set(large.values()):
            assert splits == large
    assert len(hash_splits(["a.jpg"])) == 1
