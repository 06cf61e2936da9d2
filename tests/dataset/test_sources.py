"""Tests of polycap/dataset/sources.py."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from caption_files import add_official, token_rows
from polycap.dataset import (
    CaptionSource,
    Dataset,
    DatasetFault,
    Photo,
    ReferenceCaption,
    count_origins,
    load_dataset,
    load_with_captions,
    main_origin,
    read_captions,
    read_sources,
    sources_of,
)
from polycap.errors import DatasetError
from polycap.evaluation.references import select_references
from polycap.language import load_language

# --- where captions come from ---

TRANSLATED = "mt:argos/en_de@1.0"


# --- the dataset object and the report ---


def test_other_captions_keep_splits_and_unknown_photos_are_a_fault(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text(token_rows())
    add_official(folder, train="a.jpg b.jpg", dev="c.jpg", test="d.jpg")
    dataset = load_dataset(folder)
    german = {
        "a.jpg": (ReferenceCaption(0, "ein Hund"),),
        "c.jpg": (ReferenceCaption(0, "Katze"),),
        "x.jpg": (ReferenceCaption(0, "?"),),
    }
    other = dataset.with_captions(german, "human")
    assert [(p.name, p.split, p.captions[0].text) for p in other.photos] == [
        ("a.jpg", "train", "ein Hund"),
        ("c.jpg", "dev", "Katze"),
    ]
    assert other.faults == (
        DatasetFault("captions (human)", f"1 photos with captions are not in {folder.name}: x.jpg; left out"),
    )
    assert other.fingerprint() != dataset.fingerprint() == load_dataset(folder).fingerprint()


def mixed(train: dict[str, int], dev: dict[str, int]) -> Dataset:
    """Return a dataset of two photos with these numbers of captions by origin."""

    def photo(name: str, split: str, counts: dict[str, int]) -> Photo:
        origins = [origin for origin, count in counts.items() for _ in range(count)]
        return Photo(name, Path(name), split, tuple(ReferenceCaption(i, "x", o) for i, o in enumerate(origins)))

    return Dataset("mixed", Path(), (photo("a.jpg", "train", train), photo("b.jpg", "dev", dev)), (), "none")


def test_jsonl_has_the_origin_of_each_caption(tmp_path: Path) -> None:
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
        ReferenceCaption(0, "ein Hund", TRANSLATED),
        ReferenceCaption(1, "der Hund", "mt:x"),
        ReferenceCaption(2, "Hund!", "human-revised", 2),
    )
    assert [fault.where for fault in faults] == [f"de.jsonl:{line}" for line in (4, 5, 6, 7)]
    assert '"origin" and "weight" (above 0)' in str(faults[0])
    assert read_captions(path)[0]["a.jpg"][1].origin == "human"


def test_origins_of_a_mixture() -> None:
    dataset = mixed({"human": 1, TRANSLATED: 3}, {"human": 2})
    assert dataset.caption_origin == f"human+{TRANSLATED}"
    assert count_origins(dataset.photos) == {"human": 3, TRANSLATED: 3}
    assert [len(photo.captions) for photo in dataset.with_origin(TRANSLATED).photos] == [3]
    assert dataset.with_origin("human").caption_origin == "human"
    with pytest.raises(DatasetError, match=f"mixed: no caption of origin 'x'; its captions are of human, {TRANSLATED}"):
        dataset.with_origin("x")
    assert mixed({}, {}).caption_origin == "human"
    assert main_origin(mixed({}, {}).photos) == "human"
    assert main_origin(mixed({"mt:a": 5}, {"human": 1, "human-revised": 2}).photos) == "human"
    assert main_origin(mixed({"mt:a": 5}, {"human-revised": 2}).photos) == "human-revised"
    assert main_origin(mixed({"mt:a": 1}, {"mt:b": 2}).photos) == "mt:b"
    people = Photo("a.jpg", Path("a.jpg"), "dev", (ReferenceCaption(0, "a", "human"),))
    machine = replace(people, captions=(ReferenceCaption(0, "a", "mt:a"),))
    assert main_origin([people, *[machine] * 3]) == "human"
    assert main_origin([people, *[machine] * 4]) == "mt:a", "too few photos with people's captions"


def test_a_score_is_against_one_origin() -> None:
    dataset = mixed({"human": 1, TRANSLATED: 3}, {"human": 2})
    assert select_references(dataset, "dev") is dataset
    assert select_references(dataset, "train").caption_origin == "human"  # people's, where there are any
    revised = mixed({"human-revised": 1, TRANSLATED: 3}, {})
    assert [len(photo.captions) for photo in select_references(revised, "train").photos] == [1]
    assert select_references(dataset, "train", TRANSLATED).split("dev") == ()
    machines = mixed({"mt:y": 1, TRANSLATED: 3}, {})
    with pytest.raises(
        DatasetError, match=rf"train split has captions of several origins .*1 mt:y\).*`origin` {TRANSLATED}"
    ):
        select_references(machines, "train")


def test_files_that_a_language_names(tmp_path: Path) -> None:
    """In the language's folder, or else in the dataset's."""
    folder, data = tmp_path / "qaa", tmp_path / "data"
    folder.mkdir()
    facts = 'schema = 1\ncode = "qaa"\nname = "A"\nnative_name = "A"\nscript = "Latn"\ndirection = "ltr"\n'
    tables = '[[captions]]\nfile = "a.txt"\nweight = 2\n[[captions]]\nfile = "x/b.txt"\norigin = "mt:x"\n'
    (folder / "language.toml").write_text(facts + tables)
    (data / "x").mkdir(parents=True)
    for path in (folder / "a.txt", data / "a.txt", data / "x" / "b.txt"):
        path.write_text("a.jpg#0\tan a\n")
    language = load_language(folder)
    assert sources_of(language.caption_files(data)) == [
        CaptionSource(folder / "a.txt", "human", 2.0),
        CaptionSource(data / "x" / "b.txt", "mt:x"),
    ]
    (folder / "a.txt").unlink()
    assert language.caption_files(data)[0].path == data / "a.txt"
    (data / "x" / "b.txt").unlink()
    message = rf"language.toml:captions\[1\].file: no file 'x/b.txt' in {folder} nor in {data}; put it there, or"
    with pytest.raises(DatasetError, match=message):
        language.caption_files(data)


def test_origin_and_weight_in_the_fingerprint() -> None:
    """The weight is hashed, the origin is not. Fingerprints of existing packs do not change."""
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
def test_malformed_sources(text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        CaptionSource.parse(text)


def test_sources_together(tmp_path: Path) -> None:
    """Captions keep the indices of the first file; those of later files get the next ones."""
    first, second = tmp_path / "mt.jsonl", tmp_path / "human.txt"
    rows = [("a.jpg", 3, "eins"), ("a.jpg", 1, "zwei"), ("b.jpg", 0, "drei")]
    lines = [json.dumps({"image": i, "index": n, "caption": c, "origin": TRANSLATED}) + "\n" for i, n, c in rows]
    first.write_text("".join(lines))
    second.write_text("a.jpg#0\tvier\na.jpg#7\tfünf\nc.jpg#2\tsechs\nnonsense\n", encoding="utf-8")
    captions, faults = read_sources([CaptionSource(first), CaptionSource(second, weight=2.0)])
    assert captions == {
        "a.jpg": (
            ReferenceCaption(1, "zwei", TRANSLATED),
            ReferenceCaption(3, "eins", TRANSLATED),
            ReferenceCaption(4, "vier", "human", 2.0),
            ReferenceCaption(5, "fünf", "human", 2.0),
        ),
        "b.jpg": (ReferenceCaption(0, "drei", TRANSLATED),),
        "c.jpg": (ReferenceCaption(2, "sechs", "human", 2.0),),
    }
    assert [fault.where for fault in faults] == ["human.txt:4"]


def test_a_dataset_with_captions_of_files_names_rows_and_photos_that_are_left_out(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text(token_rows())
    (folder / "de.txt").write_text("a.jpg#0\tein Hund\nnonsense\nx.jpg#0\tein Tier\n")
    dataset, faults = load_with_captions(folder, [CaptionSource(folder / "de.txt", "mt:x")])
    assert [(photo.name, photo.captions[0].text) for photo in dataset.photos] == [("a.jpg", "ein Hund")]
    assert [fault.where for fault in faults] == ["de.txt:2", "captions (mt:x)"]


def test_a_dataset_without_files_of_captions_has_its_own_captions_and_faults(folder: Path) -> None:
    (folder / "Flickr8k.token.txt").write_text(token_rows() + "nonsense\n")
    dataset, faults = load_with_captions(folder)
    assert (dataset, faults) == (load_dataset(folder), dataset.faults)
    assert [fault.where for fault in faults] == ["Flickr8k.token.txt:9"]
