"""Tests of the formats of captions that people have: polycap/dataset/{tables,json_rows,layouts}.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from caption_files import NAMES, add_photos
from polycap.captioning.rows import error_row
from polycap.dataset import ReferenceCaption, load_dataset, read_captions
from polycap.errors import DatasetError

TWO = {"a.jpg": ["a dog", "dogs"], "b.jpg": ["a cat"]}
IMAGES = [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}]
ANNOTATIONS = [
    {"id": number, "image_id": image, "caption": text}
    for number, (image, text) in enumerate([(7, "a dog"), (8, "a cat"), (7, "dogs")])
]


def texts_of(path: Path) -> dict[str, list[str]]:
    captions, faults = read_captions(path)
    assert not faults
    return {name: [caption.text for caption in found] for name, found in captions.items()}


@pytest.mark.parametrize(
    "content",
    [
        "image_id,caption\na.jpg,a dog\na.jpg,dogs\nb.jpg,a cat\n",
        "image_path\tdescription\na.jpg\ta dog\na.jpg\tdogs\nb.jpg\ta cat\n",
        "id,image_id,file_name,caption\n1,7,a.jpg,a dog\n2,7,a.jpg,dogs\n3,8,b.jpg,a cat\n",
        "image,caption_0,caption_1\na.jpg,a dog,dogs\nb.jpg,a cat,\n",
        "Image;Caption 1;Caption 2\r\na.jpg;a dog;dogs\r\nb.jpg;;a cat\r\n",
        'sep=;\r\nimage;caption\r\na.jpg;a dog\r\na.jpg;"dogs"\r\nb.jpg;a cat\r\n',
        "a.jpg,a dog\na.jpg,dogs\nb.jpg,a cat\n",
        "a.jpg,1,dogs\na.jpg,0,a dog\nb.jpg,0,a cat\n",
        "a.jpg,train,a dog\na.jpg,train,dogs\nb.jpg,val,a cat\n",
        "a.jpg\ta dog\ndogs without a photo\na.jpg\tdogs\nb.jpg\ta cat\n".replace("dogs without a photo\n", ""),
        "a.jpg\ten\ta dog\na.jpg\ten\tdogs\nb.jpg\ten\ta cat\n",
        "a.jpg|a dog|dogs\nb.jpg|a cat|\n",
    ],
)
def test_tables_as_people_have_them(tmp_path: Path, content: str) -> None:
    path = tmp_path / "captions.csv"
    path.write_text(content)
    assert texts_of(path) == TWO


@pytest.mark.parametrize(
    "value",
    [
        {"images": IMAGES, "annotations": ANNOTATIONS, "info": {}},
        [{"file_name": "a.jpg", "text": ["a dog", "dogs"]}, {"file_name": "b.jpg", "text": "a cat"}],
        {"a.jpg": ["a dog", "dogs"], "b.jpg": "a cat"},
    ],
    ids=["coco", "list", "by photo"],
)
def test_json_as_people_have_it(tmp_path: Path, value: Any) -> None:
    for indent in (None, 1):
        path = tmp_path / "captions.json"
        path.write_text(json.dumps(value, indent=indent))
        assert texts_of(path) == TWO


def test_coco_captions_of_no_image_are_named(tmp_path: Path) -> None:
    path = tmp_path / "captions_val.json"
    path.write_text(json.dumps({"images": IMAGES, "annotations": [*ANNOTATIONS, {"image_id": 9, "caption": "x"}, 3]}))
    captions, faults = read_captions(path)
    assert len(captions) == 2
    assert [fault.where for fault in faults] == [f"captions_val.json:annotations[{number}]" for number in (3, 4)]


def test_own_output_is_read_as_captions_that_no_person_wrote(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    row = {"photo": "a.jpg", "language": "de", "caption": "ein Hund", "score": -0.4, "candidates": []}
    lines = [row, error_row("b.jpg", "b.jpg: no such file"), row | {"caption": "Hunde"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    captions, faults = read_captions(path)
    assert captions == {"a.jpg": (ReferenceCaption(0, "ein Hund", "polycap"), ReferenceCaption(1, "Hunde", "polycap"))}
    assert [str(fault) for fault in faults] == [
        "mine.jsonl:2: an error instead of a caption (b.jpg: no such file); left out"
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.jsonl", '{"photo": "a.jpg", "language": "de", "caption": "x"}\n' * 2),
        ("mine.tsv", "a.jpg\tde\tein Hund\na.jpg\tfr\tun chien\n"),
    ],
)
def test_captions_of_several_languages_are_no_references(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content.replace('"de"', '"fr"', 1))
    with pytest.raises(DatasetError, match=r"several languages \((fr, de|de, fr)\); keep one's"):
        read_captions(path)


def test_texts_beside_the_photos(folder: Path) -> None:
    (folder / "Images" / "a.txt").write_text("a dog\n\ndogs\n")
    (folder / "Images" / "b.jpg.txt").write_text("a cat\n")
    (folder / "Images" / "notes.txt").write_text("of no photo\n")
    dataset = load_dataset(folder)
    assert {photo.name: [caption.text for caption in photo.captions] for photo in dataset.photos} == TWO
    assert [fault.where for fault in dataset.faults] == ["Images/c.jpg", "Images/d.jpg"]


def test_a_folder_for_each_split_with_its_own_captions(tmp_path: Path) -> None:
    """As Hugging Face's image folders: photos of equal names in two of them are two photos."""
    for name, split in (("train", "training"), ("test", "test"), ("validation", "dev")):
        add_photos(tmp_path / name, ("0.jpg", "1.jpg"))
        rows = [{"file_name": f"{number}.jpg", "text": f"{split} {number}"} for number in (0, 1, 2)]
        (tmp_path / name / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = load_dataset(tmp_path)
    assert [(photo.name, photo.split, photo.captions[0].text) for photo in dataset.photos] == [
        ("test/0.jpg", "test", "test 0"),
        ("test/1.jpg", "test", "test 1"),
        ("train/0.jpg", "train", "training 0"),
        ("train/1.jpg", "train", "training 1"),
        ("validation/0.jpg", "dev", "dev 0"),
        ("validation/1.jpg", "dev", "dev 1"),
    ]
    assert {fault.where for fault in dataset.faults} == {
        f"{name}/metadata.jsonl:3" for name in ("train", "test", "validation")
    }
    assert dataset.split_source == "names of the folders"


def test_a_folder_for_each_split_with_one_file_above(tmp_path: Path) -> None:
    add_photos(tmp_path / "train", NAMES[:2])
    add_photos(tmp_path / "test", NAMES[:1])
    rows = [("train/a.jpg", "a dog"), ("train/b.jpg", "a cat"), ("test/a.jpg", "dogs")]
    (tmp_path / "metadata.csv").write_text("file_name,text\n" + "".join(f"{name},{text}\n" for name, text in rows))
    dataset = load_dataset(tmp_path)
    assert [(photo.name, photo.split, photo.captions[0].text) for photo in dataset.photos] == [
        ("test/a.jpg", "test", "dogs"),
        ("train/a.jpg", "train", "a dog"),
        ("train/b.jpg", "train", "a cat"),
    ]


def test_captions_beside_an_unrelated_folder_called_test(folder: Path) -> None:
    add_photos(folder / "test")
    add_photos(folder / "train")
    (folder / "captions.txt").write_text("image,caption\na.jpg,a dog\n")
    assert [photo.path for photo in load_dataset(folder).photos] == [folder / "Images" / "a.jpg"]
