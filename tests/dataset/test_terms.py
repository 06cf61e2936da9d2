"""Tests of polycap/dataset/terms.py."""

import json
import os
from pathlib import Path

import pytest

from caption_files import NAMES, add_photos, token_rows
from polycap.dataset import load_dataset, read_captions
from polycap.dataset.terms import FLICKR8K_TERMS, TERMS_FILE

SHARED = os.environ.get("POLYCAP_SHARED")
FLICKR8K_NAMES = ("1000268201_693b08cb0e.jpg", "1001773457_577c3a7d70.jpg")


def kaggle(folder: Path, names: tuple[str, ...]) -> Path:
    """Write photos and `captions.txt`, without splits."""
    add_photos(folder / "Images", names)
    rows = "".join(f"{name},a dog\n" for name in names)
    (folder / "captions.txt").write_text(f"image,caption\n{rows}", encoding="utf-8")
    return folder


def karpathy(folder: Path, file: str, **more: str) -> Path:
    add_photos(folder / "Images")
    images = [{"filename": name, "split": "train", "sentences": [{"raw": "a dog"}]} for name in NAMES]
    (folder / file).write_text(json.dumps({"images": images, **more}), encoding="utf-8")
    return folder


def test_kaggles_copy_with_hashed_splits_has_flickr8ks_terms(tmp_path: Path) -> None:
    dataset = load_dataset(kaggle(tmp_path, FLICKR8K_NAMES))
    assert dataset.split_source == "hash of the photo's name"
    assert dataset.terms == (FLICKR8K_TERMS,)


@pytest.mark.parametrize("name", ["1000268201_693b08cb0e.png", "flickr8k-1000268201_693b08cb0e.jpg"])
def test_one_photo_of_flickr8k_among_others_adds_its_terms(tmp_path: Path, name: str) -> None:
    assert load_dataset(kaggle(tmp_path, (*NAMES, name))).terms == (FLICKR8K_TERMS,)


@pytest.mark.parametrize("name", ["1000268201_693b08cb0f.jpg", "1000268201.jpg", "dog.jpg"])
def test_other_photos_have_no_terms_of_flickr8k(tmp_path: Path, name: str) -> None:
    assert load_dataset(kaggle(tmp_path, (name,))).terms == ()


def test_karpathys_splits_have_flickr8ks_terms(tmp_path: Path) -> None:
    dataset = load_dataset(karpathy(tmp_path, "dataset_flickr8k.json"))
    assert (dataset.split_source, dataset.terms) == ("karpathy", (FLICKR8K_TERMS,))


def test_karpathys_file_of_another_name_is_recognised_by_its_end(tmp_path: Path) -> None:
    assert load_dataset(karpathy(tmp_path, "dataset_mine.json", dataset="flickr8k")).terms == (FLICKR8K_TERMS,)


def test_karpathys_file_of_another_dataset_has_no_terms_of_flickr8k(tmp_path: Path) -> None:
    assert load_dataset(karpathy(tmp_path, "dataset_mine.json", dataset="flickr30k")).terms == ()


def test_the_original_caption_file_has_flickr8ks_terms(tmp_path: Path) -> None:
    add_photos(tmp_path / "Images")
    (tmp_path / "Flickr8k.token.txt").write_text(token_rows(), encoding="utf-8")
    assert load_dataset(tmp_path).terms == (FLICKR8K_TERMS,)


def test_terms_of_the_folder_are_a_paragraph_each(tmp_path: Path) -> None:
    (kaggle(tmp_path, NAMES) / TERMS_FILE).write_text("Photos: ask\nme first.\n\n\nCaptions: CC0.\n", encoding="utf-8")
    assert load_dataset(tmp_path).terms == ("Photos: ask me first.", "Captions: CC0.")


def test_terms_of_the_folder_do_not_replace_flickr8ks(tmp_path: Path) -> None:
    (kaggle(tmp_path, FLICKR8K_NAMES) / TERMS_FILE).write_text("Captions: CC0.\n", encoding="utf-8")
    assert load_dataset(tmp_path).terms == (FLICKR8K_TERMS, "Captions: CC0.")


def test_terms_stay_with_other_captions(tmp_path: Path) -> None:
    dataset = load_dataset(kaggle(tmp_path, FLICKR8K_NAMES))
    captions, _ = read_captions(tmp_path / "captions.txt", "mt:engine")
    assert dataset.with_captions(captions).with_origin("mt:engine").terms == (FLICKR8K_TERMS,)


@pytest.mark.skipif(not SHARED, reason="POLYCAP_SHARED is not set: no real Flickr8k to read")
def test_every_photo_of_flickr8k_is_recognised_by_its_name() -> None:
    from polycap.dataset.terms import find_terms

    names = [photo.name for photo in load_dataset(Path(SHARED or "") / "flickr8k").photos]
    assert len(names) == 8091
    assert all(find_terms([], [name]) == (FLICKR8K_TERMS,) for name in names)
