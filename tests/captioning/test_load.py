"""Tests of polycap/captioning/load.py and find.py."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polycap
from polycap.captioning.load import load_captioners
from polycap.captioning.options import CaptionerOptions
from polycap.errors import LanguageError, PackError, PolycapError
from polycap.language import Registry, get_language
from tiny import CODE, World, change_json, make_language

pytest_plugins = ["tiny_fixtures"]
pytestmark = pytest.mark.usefixtures("world", "quick_encoder")


@pytest.fixture
def photo(world: World) -> Path:
    return world.data / "Images" / "p03.jpg"


@pytest.fixture
def pack_file(world: World, tmp_path: Path) -> Path:
    return polycap.write_pack_file(get_language(CODE), tmp_path / "some.polycap", pack=world.pack).path


@pytest.mark.parametrize("kind", ["language", "language folder", "pack folder", "path as text", "pack file"])
def test_a_language_by_code_object_folder_or_pack(kind: str, world: World, pack_file: Path) -> None:
    named: dict[str, Any] = {
        "language": get_language(CODE),
        "language folder": world.places / CODE,
        "pack folder": world.pack,
        "path as text": str(world.places / CODE),
        "pack file": str(pack_file),
    }
    captioner = polycap.load(named[kind])
    expected = polycap.load(CODE)
    assert captioner.language.code == CODE
    assert captioner.language.decoding == expected.language.decoding
    assert (captioner.pack.card, captioner.pack.tokenizer.identity) == (
        expected.pack.card,
        expected.pack.tokenizer.identity,
    )


def test_a_pack_file_of_an_unknown_language_has_its_facts(
    pack_file: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = polycap.load(CODE)(photo).text
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(make_language(tmp_path, "qax")))
    for _ in range(2):  # unpacked once
        captioner = polycap.load(pack_file)
        assert (captioner.language.code, captioner(photo).text) == (CODE, expected)
    assert Path(os.environ["POLYCAP_CACHE"]) in captioner.pack.folder.parents
    assert [entry.code for entry in Registry.discover().entries if entry.code == CODE] == []


def test_a_broken_pack_file(pack_file: Path) -> None:
    content = bytearray(pack_file.read_bytes())
    content[len(content) // 2] ^= 1
    pack_file.write_bytes(content)
    with pytest.raises(PackError, match=r"some\.polycap"):
        polycap.load(pack_file)
    cached = Path(os.environ["POLYCAP_CACHE"]) / "packs"
    assert list(cached.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none.polycap", "is no file or folder; give a language's folder, a pack's folder"),
        (lambda folder: folder, r"is a folder that holds neither language\.toml nor card\.json"),
        (lambda _: "nonsense", "unknown language 'nonsense'"),
    ],
)
def test_values_that_are_no_language(make: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(LanguageError, match=message):
        polycap.load(make(tmp_path))


def test_a_list_encodes_each_photo_once(
    world: World, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_encoder: Any
) -> None:
    folder = make_language(tmp_path, "qac")
    (folder / "pack").symlink_to(world.pack)
    encoded: list[int] = []
    grid = quick_encoder.grid

    def counted(pixels: Any) -> Any:
        encoded.append(len(pixels))
        return grid(pixels)

    monkeypatch.setattr(quick_encoder, "grid", counted)
    many = polycap.load([CODE, folder])
    captions = many(photo)
    assert list(captions) == ["qaa", "qac"]
    assert encoded == [1]
    assert many["qac"](photo) == captions["qac"]
    bad = tmp_path / "none.jpg"
    first, error = many.pipe([photo, bad], errors="return")
    assert first == captions
    assert isinstance(error, polycap.PhotoError)
    assert error.photo == bad
    assert repr(many) == "<CaptionerGroup qaa, qac>"
    with pytest.raises(LanguageError, match="xx: no captioner of it in this group; there are qaa, qac"):
        many["xx"]


@pytest.mark.parametrize("languages", [[], [CODE, CODE]])
def test_a_group_has_each_language_once(languages: list[str]) -> None:
    with pytest.raises(PolycapError, match="a group has one or more, of different languages"):
        polycap.load(languages)


def test_the_beam(photo: Path) -> None:
    assert len(polycap.load(CODE, beam=1)(photo, n_best=6).candidates) == 1
    assert len(polycap.load(CODE, beam=6)(photo, n_best=6).candidates) > 3


@pytest.mark.parametrize("languages", [None, CODE, "all"])
def test_languages_are_read_once(languages: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polycap.language.registry._built_in", lambda _: iter(()))
    discover, count = Registry.discover.__func__, []  # type: ignore[attr-defined]

    def counted(cls: Any) -> Any:
        count.append(cls)
        return discover(cls)

    monkeypatch.setattr(Registry, "discover", classmethod(counted))
    captioners, left_out = load_captioners(languages, CaptionerOptions(beam=1))
    assert [captioner.language.code for captioner in captioners] == [CODE]
    assert left_out == {}
    assert len(count) == 1


def test_a_broken_pack_is_left_out_with_its_error(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_language(tmp_path, "qac")
    pack = shutil.copytree(world.pack, folder / "pack")
    change_json(pack / "card.json", encoder="another")
    monkeypatch.setenv("POLYCAP_LANGUAGES", os.pathsep.join([str(world.places), str(folder)]))
    captioners, left_out = load_captioners(f"qac,{CODE}")
    assert [captioner.language.code for captioner in captioners] == [CODE]
    assert list(left_out) == ["qac"]
    assert "is of encoder another" in left_out["qac"]
    with pytest.raises(PackError, match="is of encoder another"):
        load_captioners("qac")


def test_a_batch_of_hugging_face_datasets_is_captioned_in_a_line(photo: Path) -> None:
    captioner = polycap.load(CODE)
    batch = {"image": [str(photo)] * 2}  # what `map(batched=True)` hands to its function

    def add_captions(batch: dict[str, Any]) -> dict[str, Any]:
        return {"caption": [str(caption) for caption in captioner(batch["image"])]}

    assert add_captions(batch) == {"caption": [captioner(photo).text] * 2}
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    rows = datasets.Dataset.from_dict(batch).map(add_captions, batched=True)
    assert rows["caption"] == [captioner(photo).text] * 2


def test_a_column_of_pandas_is_captioned_in_a_line(photo: Path) -> None:
    captioner = polycap.load(CODE)

    class Column:
        """Stand-in for a pandas Series: iterates over values; its index has other labels."""

        def __iter__(self) -> Any:
            return iter([str(photo)] * 2)

    assert [str(caption) for caption in captioner(Column())] == [captioner(photo).text] * 2
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"path": [str(photo)] * 2}, index=[7, 9])
    frame["caption"] = [str(caption) for caption in captioner(frame["path"])]
    assert list(frame["caption"]) == [captioner(photo).text] * 2
