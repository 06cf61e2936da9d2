"""Datasets: every known file format, the splits, and faults that are named while the rest is usable."""

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from polycap.dataset import (
    Caption,
    CaptionSource,
    Dataset,
    Fault,
    Photo,
    check_dataset,
    chief_origin,
    count_origins,
    language_sources,
    load_dataset,
    read_captions,
    read_sources,
    score_against,
)
from polycap.errors import DatasetError
from polycap.language_folder import load_language

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
SHARED = os.environ.get("POLYCAP_SHARED")
needs_shared = pytest.mark.skipif(not SHARED, reason="POLYCAP_SHARED is not set: no real Flickr8k to read")


def add_photos(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (8, 6), "red").save(folder / name, "JPEG")
    return folder


def token_rows(names: tuple[str, ...] = NAMES, count: int = 2) -> str:
    return "".join(f"{name}#{i}\tdog {i} of {name}\n" for name in names for i in range(count))


def add_official(folder: Path, **lists: str) -> None:
    for split, names in lists.items():
        (folder / f"Flickr_8k.{split}Images.txt").write_text("".join(f"{n}\n" for n in names.split()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photos in `Images`, and nothing else."""
    add_photos(tmp_path / "Images")
    return tmp_path


def splits_of(folder: Path) -> dict[str, str]:
    return {photo.name: photo.split for photo in load_dataset(folder).photos}


# --- formats ---


@pytest.mark.parametrize("photos", ["Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "images", ".", "pictures"])
def test_photos_are_found_where_people_keep_them(tmp_path: Path, photos: str) -> None:
    add_photos(tmp_path / photos)
    (tmp_path / photos / "._a.jpg").write_bytes(b"macOS")
    (tmp_path / "captions.txt").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    dataset = load_dataset(tmp_path)
    assert [(photo.name, photo.path.is_file()) for photo in dataset.photos] == [(name, True) for name in NAMES]
    assert dataset.faults == ()


def test_kaggle_captions_with_quotes_commas_bom_and_crlf(folder: Path) -> None:
    rows = 'image,caption\r\na.jpg,"A dog, running , ""fast"" ."\r\na.jpg,A "big" dog .\r\n\r\n'
    (folder / "captions.txt").write_bytes(b"\xef\xbb\xbf" + rows.encode())
    (photo,) = load_dataset(folder).photos
    assert photo.captions == (Caption(0, 'A dog, running , "fast" .'), Caption(1, 'A "big" dog .'))


def test_token_file_comes_before_kaggle_file_and_may_lie_one_level_down(folder: Path) -> None:
    (folder / "captions.txt").write_text("image,caption\na.jpg,kaggle\n")
    (folder / "Flickr8k_text").mkdir()
    (folder / "Flickr8k_text" / "Flickr8k.token.txt").write_text("a.jpg#1\tsecond\na.jpg#0\tfirst\n")
    add_official(folder / "Flickr8k_text", train="a.jpg", dev="", test="")
    dataset = load_dataset(folder)
    assert dataset.photos[0].captions == (Caption(0, "first"), Caption(1, "second"))
    assert dataset.split_source.startswith("official files")
    kaggle = load_dataset(folder, captions=folder / "captions.txt", photos=folder / "Images")
    assert kaggle.photos[0].captions == (Caption(0, "kaggle"),)


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
    assert dataset.photos[0].captions == (Caption(0, "a.jpg 0"), Caption(1, "a.jpg 1"))
    assert dataset.split_source == "karpathy"


def test_karpathy_json_beside_kaggle_captions_gives_the_splits(folder: Path) -> None:
    karpathy(folder / "dataset_flickr8k.json")
    (folder / "captions.txt").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in NAMES))
    dataset = load_dataset(folder)
    assert [photo.split for photo in dataset.photos] == ["train", "train", "dev", "test"]
    assert (dataset.split_source, dataset.photos[0].captions) == ("karpathy", (Caption(0, "a dog"),))


def test_csv_with_more_columns(folder: Path) -> None:
    (folder / "mine.csv").write_text(
        "id;file_name;split;comment_number;comment\n1;a.jpg;train;1;one\n2;a.jpg;train;0;zero\n3;b.jpg;val;0;b\n"
    )
    dataset = load_dataset(folder)
    assert dataset.photos[0].captions == (Caption(0, "zero"), Caption(1, "one"))
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
    assert captions == {"a.jpg": (Caption(0, "x"), Caption(4, "y"))}
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
    from polycap.dataset.tables import Row, table_rows

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([["image", "caption"], *(["a.jpg", text] for text in texts)])
    rows = list(table_rows(Path("x.csv"), stream.getvalue()))
    assert [row.text if isinstance(row, Row) else row for row in rows] == texts


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


def test_an_open_quote_spoils_its_own_row_only(folder: Path) -> None:
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


def test_text_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"image": "a.jpg", "caption": "\\ud83d"}\n{"image": "a.jpg", "caption": "ok"}\n')
    captions, faults = read_captions(path)
    assert captions == {"a.jpg": (Caption(1, "ok"),)}
    assert [fault.where for fault in faults] == ["x.jsonl:1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0 a photo", r"not UTF-8 text \(byte 0\)"),
        (b"a.jpg#0\tx\0y\n", "binary"),
        (b"a.jpg,no header\n", "no known caption format"),
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


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none: can't be listed \(No such file"):
        load_dataset(tmp_path / "none")
    with pytest.raises(DatasetError, match=r"no captions; looked .* Flickr8k.token.txt, captions.txt"):
        load_dataset(tmp_path)
    (tmp_path / "captions.txt").write_text("image,caption\na.jpg,a dog\n")
    with pytest.raises(DatasetError, match=r"no photos; looked .* Images, Flicker8k_Dataset"):
        load_dataset(tmp_path)
    with pytest.raises(DatasetError, match="holds no photos"):
        load_dataset(tmp_path, photos=tmp_path)
    with pytest.raises(DatasetError, match=r"lost\.txt: can't be read"):
        load_dataset(tmp_path, captions=tmp_path / "lost.txt")
    add_photos(tmp_path / "one")
    add_photos(tmp_path / "two")
    with pytest.raises(DatasetError, match=r"several folders of photos \(one, two\)"):
        load_dataset(tmp_path)


def test_several_csv_files_are_not_guessed_between(folder: Path) -> None:
    for name in ("x.csv", "y.csv"):
        (folder / name).write_text("image,caption\na.jpg,a dog\n")
    with pytest.raises(DatasetError, match=r"several caption files \(x.csv, y.csv\)"):
        load_dataset(folder)
    assert len(load_dataset(folder, captions=folder / "x.csv").photos) == 1


# --- splits ---


def test_official_splits_come_before_the_files_own_and_leave_photos_in_none(folder: Path) -> None:
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


def test_without_splits_the_names_decide_and_the_dataset_says_so(tmp_path: Path) -> None:
    names = tuple(f"{i}.jpg" for i in range(300))
    (tmp_path / "Images").mkdir()
    for name in names:
        (tmp_path / "Images" / name).touch()
    (tmp_path / "captions.txt").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in names))
    dataset = load_dataset(tmp_path)
    assert dataset.split_source == "hash of the photo's name"
    sizes = [len(dataset.split(name)) for name in ("train", "dev", "test")]
    assert sizes == [245, 25, 30]  # fixed for ever: a change would move photos between splits


# --- the dataset object and the report ---


def test_other_captions_keep_splits_and_name_strangers(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text(token_rows())
    add_official(folder, train="a.jpg b.jpg", dev="c.jpg", test="d.jpg")
    dataset = load_dataset(folder)
    german = {
        "a.jpg": (Caption(0, "ein Hund"),),
        "c.jpg": (Caption(0, "Katze"),),
        "x.jpg": (Caption(0, "?"),),
    }
    other = dataset.with_captions(german, "human")
    assert [(p.name, p.split, p.captions[0].text) for p in other.photos] == [
        ("a.jpg", "train", "ein Hund"),
        ("c.jpg", "dev", "Katze"),
    ]
    assert other.faults == (
        Fault("captions (human)", f"1 photos with captions are not in {folder.name}: x.jpg; left out"),
    )
    assert other.fingerprint() != dataset.fingerprint() == load_dataset(folder).fingerprint()


# --- where captions come from ---

TRANSLATED = "mt:argos/en_de@1.0"


def mixed(train: dict[str, int], dev: dict[str, int]) -> Dataset:
    """A dataset of two photos with so many captions of each origin."""

    def photo(name: str, split: str, counts: dict[str, int]) -> Photo:
        origins = [origin for origin, count in counts.items() for _ in range(count)]
        return Photo(name, Path(name), split, tuple(Caption(i, "x", o) for i, o in enumerate(origins)))

    return Dataset("mixed", Path(), (photo("a.jpg", "train", train), photo("b.jpg", "dev", dev)), (), "none")


def test_jsonl_says_where_each_caption_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "de.jsonl"
    rows: list[dict[str, Any]] = [
        {"image": "a.jpg", "index": 0, "source": "a dog", "caption": "ein Hund", "origin": TRANSLATED, "score": -0.3},
        {"image": "a.jpg", "index": 1, "caption": "der Hund"},
        {"image": "a.jpg", "index": 2, "caption": "Hund!", "origin": "human-revised", "weight": 2},
        {"image": "a.jpg", "index": 3, "caption": "x", "origin": "two words"},
        {"image": "a.jpg", "index": 4, "caption": "x", "origin": 5},
        {"image": "a.jpg", "index": 5, "caption": "x", "weight": 0},
        {"image": "a.jpg", "index": 6, "caption": "x", "weight": True},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    captions, faults = read_captions(path, "mt:x")
    assert captions["a.jpg"] == (
        Caption(0, "ein Hund", TRANSLATED),
        Caption(1, "der Hund", "mt:x"),
        Caption(2, "Hund!", "human-revised", 2),
    )
    assert [fault.where for fault in faults] == [f"de.jsonl:{line}" for line in (4, 5, 6, 7)]
    assert '"origin" and "weight" (above 0)' in str(faults[0])
    assert read_captions(path)[0]["a.jpg"][1].origin == "human"


def test_origins_of_a_mixture() -> None:
    dataset = mixed({"human": 1, TRANSLATED: 3}, {"human": 2})
    assert dataset.caption_origin == f"human+{TRANSLATED}"
    assert count_origins(dataset.photos) == {"human": 3, TRANSLATED: 3}
    assert [len(photo.captions) for photo in dataset.of_origin(TRANSLATED).photos] == [3]
    assert dataset.of_origin("human").caption_origin == "human"
    with pytest.raises(DatasetError, match=f"mixed: no caption of origin 'x'; there are those of human, {TRANSLATED}"):
        dataset.of_origin("x")
    assert mixed({}, {}).caption_origin == "human"
    assert chief_origin(mixed({}, {}).photos) == "human"
    assert chief_origin(mixed({"mt:a": 5}, {"human": 1, "human-revised": 2}).photos) == "human"
    assert chief_origin(mixed({"mt:a": 5}, {"human-revised": 2}).photos) == "human-revised"
    assert chief_origin(mixed({"mt:a": 1}, {"mt:b": 2}).photos) == "mt:b"


def test_a_score_is_against_one_origin() -> None:
    dataset = mixed({"human": 1, TRANSLATED: 3}, {"human": 2})
    assert score_against(dataset, "dev") is dataset
    assert score_against(dataset, "train").caption_origin == "human"  # people's, where there are any
    revised = mixed({"human-revised": 1, TRANSLATED: 3}, {})
    assert [len(photo.captions) for photo in score_against(revised, "train").photos] == [1]
    assert score_against(dataset, "train", TRANSLATED).split("dev") == ()
    machines = mixed({"mt:y": 1, TRANSLATED: 3}, {})
    with pytest.raises(
        DatasetError, match=rf"train split has captions of several origins .*1 mt:y\).*--origin {TRANSLATED}"
    ):
        score_against(machines, "train")


def test_files_that_a_language_names(tmp_path: Path) -> None:
    """In its own folder first, else in the dataset's."""
    folder, data = tmp_path / "qaa", tmp_path / "data"
    folder.mkdir()
    facts = 'schema = 1\ncode = "qaa"\nname = "A"\nnative_name = "A"\nscript = "Latn"\ndirection = "ltr"\n'
    tables = '[[captions]]\nfile = "a.txt"\nweight = 2\n[[captions]]\nfile = "x/b.txt"\norigin = "mt:x"\n'
    (folder / "language.toml").write_text(facts + tables)
    (data / "x").mkdir(parents=True)
    for path in (folder / "a.txt", data / "a.txt", data / "x" / "b.txt"):
        path.write_text("a.jpg#0\tan a\n")
    language = load_language(folder)
    assert language_sources(language, data) == [
        CaptionSource(folder / "a.txt", "human", 2.0),
        CaptionSource(data / "x" / "b.txt", "mt:x"),
    ]
    (folder / "a.txt").unlink()
    assert language_sources(language, data)[0].path == data / "a.txt"
    (data / "x" / "b.txt").unlink()
    message = rf"language.toml:captions\[1\].file: no file 'x/b.txt' in {folder} nor in {data}; put it there, or"
    with pytest.raises(DatasetError, match=message):
        language_sources(language, data)


def test_origin_and_weight_in_the_fingerprint() -> None:
    """An origin is a label; a weight changes what is learned. Fingerprints of packs that are made already stay."""
    plain = mixed({"human": 2}, {"human": 1})
    assert plain.fingerprint() == mixed({"mt:x": 2}, {"human": 1}).fingerprint() == "08b1c7b66dd0dbc7"
    captions = {photo.name: tuple(replace(c, weight=2.0) for c in photo.captions) for photo in plain.photos}
    assert plain.with_captions(captions).fingerprint() != plain.fingerprint()


def test_sources_on_the_command_line(tmp_path: Path) -> None:
    assert CaptionSource.parse("de.txt") == CaptionSource(Path("de.txt"), "human", 1.0)
    assert CaptionSource.parse("de.txt", "mt:x") == CaptionSource(Path("de.txt"), "mt:x")
    assert CaptionSource.parse(f"de.txt,weight=0.5,origin={TRANSLATED}", "mt:x") == CaptionSource(
        Path("de.txt"), TRANSLATED, 0.5
    )
    odd = tmp_path / "a,weight=2.txt"
    odd.write_text("")
    assert CaptionSource.parse(str(odd)) == CaptionSource(odd)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("de.txt,wieght=2", r"'wieght=2' is not understood; expected FILE\[,origin=ORIGIN\]\[,weight=NUMBER\]"),
        ("de.txt,human", "'human' is not understood"),
        ("de.txt,weight=0", "weight '0'; expected a number above 0"),
        ("de.txt,weight=nan", "weight 'nan'"),
        ("de.txt,weight=inf", "weight 'inf'"),
        ("de.txt,weight=much", "weight 'much'"),
        ("de.txt,origin=", "origin ''; expected a name such as human or mt:google"),
        ("de.txt,origin=a b", "origin 'a b'; expected"),
    ],
)
def test_sources_that_are_not_understood(text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        CaptionSource.parse(text)


def test_sources_together(tmp_path: Path) -> None:
    """A photo's captions keep the first file's numbers; later ones are numbered on."""
    first, second = tmp_path / "mt.jsonl", tmp_path / "human.txt"
    rows = [("a.jpg", 3, "eins"), ("a.jpg", 1, "zwei"), ("b.jpg", 0, "drei")]
    lines = [json.dumps({"image": i, "index": n, "caption": c, "origin": TRANSLATED}) + "\n" for i, n, c in rows]
    first.write_text("".join(lines))
    second.write_text("a.jpg#0\tvier\na.jpg#7\tfünf\nc.jpg#2\tsechs\nnonsense\n", encoding="utf-8")
    captions, faults = read_sources([CaptionSource(first), CaptionSource(second, weight=2.0)])
    assert captions == {
        "a.jpg": (
            Caption(1, "zwei", TRANSLATED),
            Caption(3, "eins", TRANSLATED),
            Caption(4, "vier", "human", 2.0),
            Caption(5, "fünf", "human", 2.0),
        ),
        "b.jpg": (Caption(0, "drei", TRANSLATED),),
        "c.jpg": (Caption(2, "sechs", "human", 2.0),),
    }
    assert [fault.where for fault in faults] == ["human.txt:4"]


def test_captions_of_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "de.txt"
    path.write_bytes("a.jpg#0\tein Mädchen\n".encode("latin-1"))
    with pytest.raises(DatasetError, match=r"de.txt: is not UTF-8 text \(byte 13\); save it as UTF-8"):
        read_sources([CaptionSource(path)])


def test_check_opens_every_photo_and_reports_everything(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text(token_rows())
    add_official(folder, train="a.jpg", dev="b.jpg", test="c.jpg")
    (folder / "Images" / "a.jpg").write_bytes(b"no photo")
    whole = (folder / "Images" / "b.jpg").read_bytes()
    (folder / "Images" / "b.jpg").write_bytes(whole[:-20])
    report = check_dataset(folder)
    assert [fault.where for fault in report.faults] == ["Images/a.jpg", "Images/b.jpg"]
    assert "/Images/a.jpg" not in report.faults[0].message  # the place says it already
    value = json.loads(json.dumps(report.to_json()))
    assert (value["photos"], value["captions"]) == (4, 8)
    assert value["splits"] == {"train": 1, "dev": 1, "test": 1, "none": 1}
    assert value["captions_per_photo"] == {"min": 2, "mean": 2.0, "max": 2}
    assert len(value["faults"]) == 2
    assert any("1 in none" in line for line in report.lines())
    assert not check_dataset(folder, decode=False).faults


def test_a_link_to_itself_stops_nothing(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text(token_rows())
    whole = check_dataset(folder).to_json()
    (folder / "self").symlink_to("self")
    assert check_dataset(folder).to_json() == whole


def test_check_refuses_decompression_bombs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "Flickr8k.token.txt").write_text(token_rows())
    monkeypatch.setenv("POLYCAP_MAX_MEGAPIXELS", "0.00004")  # the photos have 48 pixels
    faults = [fault for fault in check_dataset(folder).faults if fault.where.startswith("Images/")]
    assert len(faults) == 4
    assert "is above the limit of 4e-05 megapixels; make it smaller, or raise --max-megapixels" in faults[0].message


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
def test_real_kaggle_file_says_the_same_as_the_original() -> None:
    folder = Path(str(SHARED)) / "flickr8k"
    kaggle = load_dataset(folder, captions=folder / "captions.txt")
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
