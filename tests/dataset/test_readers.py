"""Tests of polycap/dataset/readers.py."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caption_files import NAMES, add_official
from polycap.dataset import CaptionSource, ReferenceCaption, load_dataset, read_captions, read_sources
from polycap.errors import DatasetError


def test_kaggle_captions_with_quotes_commas_bom_and_crlf(folder: Path) -> None:
    rows = 'image,caption\r\na.jpg,"A dog, running , ""fast"" ."\r\na.jpg,A "big" dog .\r\n\r\n'
    (folder / "captions.txt").write_bytes(b"\xef\xbb\xbf" + rows.encode())
    (photo,) = load_dataset(folder).photos
    assert photo.captions == (ReferenceCaption(0, 'A dog, running , "fast" .'), ReferenceCaption(1, 'A "big" dog .'))


def test_token_file_is_preferred_to_kaggle_file_and_may_lie_one_level_below(folder: Path) -> None:
    (folder / "captions.txt").write_text("image,caption\na.jpg,kaggle\n")
    (folder / "Flickr8k_text").mkdir()
    (folder / "Flickr8k_text" / "Flickr8k.token.txt").write_text("a.jpg#1\tsecond\na.jpg#0\tfirst\n")
    add_official(folder / "Flickr8k_text", train="a.jpg", dev="", test="")
    dataset = load_dataset(folder)
    assert dataset.photos[0].captions == (ReferenceCaption(0, "first"), ReferenceCaption(1, "second"))
    assert dataset.split_source.startswith("official files")
    kaggle = load_dataset(folder, caption_file=folder / "captions.txt", photo_folder=folder / "Images")
    assert kaggle.photos[0].captions == (ReferenceCaption(0, "kaggle"),)


def karpathy(path: Path, splits: str = "train restval val test") -> None:
    images = [
        {
            "filename": name,
            "split": split,
            "sentences": [{"raw": f"{name} {i}", "tokens": []} for i in range(2)],
        }
        for name, split in zip(NAMES, splits.split(), strict=True)
    ]
    path.write_text(json.dumps({"dataset": "flickr8k", "images": images}))


def test_karpathy_json_gives_captions_and_splits(folder: Path) -> None:
    karpathy(folder / "dataset_flickr8k.json")
    dataset = load_dataset(folder)
    assert [photo.split for photo in dataset.photos] == ["train", "train", "dev", "test"]
    assert dataset.photos[0].captions == (ReferenceCaption(0, "a.jpg 0"), ReferenceCaption(1, "a.jpg 1"))
    assert dataset.split_source == "karpathy"


def test_karpathy_json_beside_kaggle_captions_gives_the_splits(folder: Path) -> None:
    karpathy(folder / "dataset_flickr8k.json")
    (folder / "captions.txt").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    dataset = load_dataset(folder)
    assert [photo.split for photo in dataset.photos] == ["train", "train", "dev", "test"]
    assert (dataset.split_source, dataset.photos[0].captions) == ("karpathy", (ReferenceCaption(0, "a dog"),))


def test_csv_with_more_columns(folder: Path) -> None:
    (folder / "mine.csv").write_text(
        "id;file_name;split;comment_number;comment\n1;a.jpg;train;1;one\n2;a.jpg;train;0;zero\n3;b.jpg;val;0;b\n"
    )
    dataset = load_dataset(folder)
    assert dataset.photos[0].captions == (ReferenceCaption(0, "zero"), ReferenceCaption(1, "one"))
    assert [photo.split for photo in dataset.photos] == ["train", "dev"]
    assert dataset.split_source == "csv column"


def test_json_lines(tmp_path: Path) -> None:
    rows = [
        {"image": "a.jpg", "caption": "x"},
        {"image": "a.jpg", "index": 4, "caption": "y"},
        {"image": "b.jpg"},
    ]
    path = tmp_path / "de.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    captions, faults = read_captions(path)
    assert captions == {"a.jpg": (ReferenceCaption(0, "x"), ReferenceCaption(4, "y"))}
    assert [fault.where for fault in faults] == ["de.jsonl:3"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1)
        .map(str.strip)
        .filter(lambda text: text and text.count("\n") < 5),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_the_csv_module_writes_is_read_back(texts: list[str]) -> None:
    from polycap.dataset.rows import CaptionRow
    from polycap.dataset.tables import table_rows

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([["image", "caption"], *(["a.jpg", text] for text in texts)])
    rows = list(table_rows(Path("x.csv"), stream.getvalue()))
    assert [row.text if isinstance(row, CaptionRow) else row for row in rows] == texts


# --- faults ---


def test_all_faults_are_named_with_file_and_line_and_the_rest_is_used(folder: Path) -> None:
    rows = [
        "a.jpg#0\ta dog",
        "a.jpg#0\tagain",
        "a.jpg#1\t  ",
        "a row without its parts",
        "gone.jpg.1#0\tx",
        "gone.jpg.1#1\ty",
        "b.jpg#0\ta cat",
        "b.jpg#one\ta cat",
        "c.jpg#0\t",
    ]
    (folder / "Flickr8k.token.txt").write_text("\n".join(rows) + "\n")
    add_official(folder, train="a.jpg b.jpg", dev="b.jpg lost.jpg", test="gone.jpg.1")
    dataset = load_dataset(folder)
    assert [(photo.name, photo.split, len(photo.captions)) for photo in dataset.photos] == [
        ("a.jpg", "train", 1),
        ("b.jpg", "dev", 1),
    ]
    found = [(fault.where, fault.message) for fault in dataset.faults]
    assert [where for where, _ in found] == [
        "Flickr8k.token.txt:2",
        "Flickr8k.token.txt:3",
        "Flickr8k.token.txt:4",
        "Flickr8k.token.txt:8",
        "Flickr8k.token.txt:9",
        "Flickr8k.token.txt:5",
        "Images/c.jpg",
        "Images/d.jpg",
        "Flickr_8k.trainImages.txt:2",
        "Flickr_8k.devImages.txt:2",
    ]
    assert found[5][1] == "no photo 'gone.jpg.1' in Images; its 2 captions are left out"
    assert str(dataset.faults[8]) == "Flickr_8k.trainImages.txt:2: 'b.jpg' is in dev and train; kept in dev only"


def test_an_open_quote_is_a_fault_of_its_own_row_only(folder: Path) -> None:
    (folder / "captions.txt").write_text(
        'image,caption\na.jpg,"open\nb.jpg,a cat\nc.jpg,a, b\nd.jpg,"x" y\na.jpg,"two\nlines"\n'
    )
    dataset = load_dataset(folder)
    assert [(photo.name, photo.captions[0].text) for photo in dataset.photos] == [
        ("a.jpg", "two\nlines"),
        ("b.jpg", "a cat"),
    ]
    assert [fault.where for fault in dataset.faults[:3]] == [
        "captions.txt:2",
        "captions.txt:4",
        "captions.txt:5",
    ]


def test_text_that_utf8_cannot_encode_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"image": "a.jpg", "caption": "\\ud83d"}\n{"image": "a.jpg", "caption": "ok"}\n')
    captions, faults = read_captions(path)
    assert captions == {"a.jpg": (ReferenceCaption(1, "ok"),)}
    assert [fault.where for fault in faults] == ["x.jsonl:1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0 a photo", r"not UTF-8 text \(byte 0\)"),
        (b"a.jpg#0\tx\0y\n", "binary"),
        (b"a,no photo\n", "no known caption format"),
        (b"image,caption\na.jpg\n", "holds no usable caption; the first fault: captions.txt:2"),
        (b"image,caption\nz.jpg,a dog\n", "none of them is among the 4 photos"),
        (b'{"images": 3}', 'has no list "images"'),
        (b'{"images": [', "is not JSON"),
    ],
)
def test_a_caption_file_that_cannot_be_used_is_one_clear_line(folder: Path, content: bytes, message: str) -> None:
    (folder / "captions.txt").write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        load_dataset(folder)
    assert "captions.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_csv_files_are_an_error(folder: Path) -> None:
    for name in ("x.csv", "y.csv"):
        (folder / name).write_text("image,caption\na.jpg,a dog\n")
    with pytest.raises(DatasetError, match=r"several caption files \(x.csv, y.csv\)"):
        load_dataset(folder)
    assert len(load_dataset(folder, caption_file=folder / "x.csv").photos) == 1


def test_captions_of_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "de.txt"
    path.write_bytes("a.jpg#0\tein Mädchen\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"de.txt: is not UTF-8 text \(byte 13\); save it as UTF-8"):
        read_sources([CaptionSource(path)])
