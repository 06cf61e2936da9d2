"""Tests of polycap/dataset/load.py."""

import os
from pathlib import Path

import pytest

from caption_files import NAMES, add_photos
from polycap.dataset import load_dataset, read_captions
from polycap.dataset.check import check_dataset
from polycap.errors import DatasetError

SHARED = os.environ.get("POLYCAP_SHARED")
needs_shared = pytest.mark.skipif(not SHARED, reason="POLYCAP_SHARED is not set: no real Flickr8k to read")


# --- formats ---


@pytest.mark.parametrize("photos", ["Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "images", ".", "pictures"])
def test_photos_are_found_in_every_known_folder(tmp_path: Path, photos: str) -> None:
    add_photos(tmp_path / photos)
    (tmp_path / photos / "._a.jpg").write_bytes(b"macOS")
    (tmp_path / "captions.txt").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    dataset = load_dataset(tmp_path)
    assert [(photo.name, photo.path.is_file()) for photo in dataset.photos] == [(name, True) for name in NAMES]
    assert dataset.faults == ()


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none: can't be listed \(No such file"):
        load_dataset(tmp_path / "none")
    with pytest.raises(DatasetError, match=r"no captions; looked .* Flickr8k.token.txt, captions.txt"):
        load_dataset(tmp_path)
    (tmp_path / "captions.txt").write_text("image,caption\na.jpg,a dog\n")
    with pytest.raises(DatasetError, match=r"no photos; looked .* Images, Flicker8k_Dataset"):
        load_dataset(tmp_path)
    with pytest.raises(DatasetError, match="holds no photos"):
        load_dataset(tmp_path, photo_folder=tmp_path)
    with pytest.raises(DatasetError, match=r"lost\.txt: can't be read"):
        load_dataset(tmp_path, caption_file=tmp_path / "lost.txt")
    add_photos(tmp_path / "one")
    add_photos(tmp_path / "two")
    with pytest.raises(DatasetError, match=r"several folders of photos \(one, two\)"):
        load_dataset(tmp_path)


@needs_shared
def test_real_flickr8k() -> None:
    folder = Path(str(SHARED)) / "flickr8k"
    report = check_dataset(folder, decode=False)
    assert (report.photos, report.captions) == (8091, 40455)
    assert report.splits == {"train": 6000, "dev": 1000, "test": 1000, "none": 91}
    assert report.captions_per_photo == (5, 5.0, 5)
    (fault,) = report.faults
    assert fault.where == "Flickr8k.token.txt:6731"
    assert "2258277193_586949ec62.jpg.1" in fault.message
    assert "5 captions" in fault.message


@needs_shared
def test_real_kaggle_file_equals_the_file_of_the_release() -> None:
    folder = Path(str(SHARED)) / "flickr8k"
    kaggle = load_dataset(folder, caption_file=folder / "captions.txt")
    assert kaggle.faults == ()
    assert kaggle.fingerprint() == load_dataset(folder).fingerprint()


@needs_shared
def test_real_captions_in_other_languages_fit_the_photos() -> None:
    dataset = load_dataset(Path(str(SHARED)) / "flickr8k")
    captions, faults = read_captions(Path(str(SHARED)) / "captions" / "de.human.txt")
    german = dataset.with_captions(captions, "human")
    assert faults == []
    assert german.faults == dataset.faults
    assert [len(german.split(name)) for name in ("train", "dev", "test")] == [5528, 934, 0]
