"""Tests of polycap/cli/caption.py."""

import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from polycap.decoder.search import Search
from tiny import CODE, OTHER_CODE, World, run_polycap

pytest_plugins = ["tiny_fixtures"]


@pytest.mark.usefixtures("world", "quick_encoder")
def test_captions_for_people(photo: Path) -> None:
    found = run_polycap("caption", photo, photo.parent / "p01.jpg", "--language", CODE)
    assert (found.status, found.err) == (0, "")
    lines = [line.split("\t") for line in found.out.splitlines()]
    assert [line[0] for line in lines] == [str(photo), str(photo.parent / "p01.jpg")]
    assert all(len(line) == 2 and line[1] for line in lines)


@pytest.mark.usefixtures("world", "quick_encoder")
def test_captions_in_json(photo: Path, tmp_path: Path) -> None:
    """Good and bad photos and a path that is not there: a line for each, and status 1."""
    bad, missing, empty = tmp_path / "bad.jpg", tmp_path / "missing.jpg", tmp_path / "empty"
    bad.write_text("not a photo")
    empty.mkdir()
    found = run_polycap("caption", photo, missing, bad, empty, "--language", CODE, "--json", "--n-best", 2)
    assert found.status == 1
    rows = {row["photo"]: row for row in found.rows}
    assert set(rows) == {str(photo), str(bad), str(missing), str(empty)}
    for path, message in ((bad, "is not an image"), (missing, "no such file"), (empty, "no photo in this folder")):
        assert list(rows[str(path)]) == ["photo", "error"]
        assert message in rows[str(path)]["error"]
        assert rows[str(path)]["error"] in found.err
    assert len(found.err.splitlines()) == 3
    row = rows[str(photo)]
    assert list(row) == ["photo", "language", "caption", "score", "candidates"]
    assert row["language"] == CODE
    assert 1 <= len(row["candidates"]) <= 2
    for candidate in row["candidates"]:
        assert list(candidate) == ["caption", "score", "log_prob"]
    assert row["candidates"][0]["caption"] == row["caption"]
    assert row["candidates"][0]["score"] == row["score"] < 0


@pytest.mark.usefixtures("world", "quick_encoder")
def test_a_photo_on_standard_input(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.html"
    named = run_polycap("caption", photo, "--language", CODE).out
    with photo.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
        found = run_polycap("caption", "-", "--language", CODE, "--html", page)
    assert (found.status, found.err) == (0, "")
    assert found.out == named.replace(str(photo), "-")
    assert "data:image/jpeg;base64," in page.read_text(encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    empty = run_polycap("caption", "-", "--language", CODE)
    assert (empty.status, empty.out) == (1, "")
    assert "polycap: -: is not an image" in empty.err
    monkeypatch.setattr("sys.stdin", None)
    closed = run_polycap("caption", "-", "--language", CODE)
    assert (closed.status, closed.out) == (1, "")
    assert "polycap: -: standard input is closed" in closed.err


@pytest.mark.usefixtures("world", "quick_encoder")
def test_paths_at_fault_and_what_is_skipped_do_not_end_the_rest(photo: Path, tmp_path: Path) -> None:
    folder, long = tmp_path / "folder", tmp_path / f"{'x' * 256}.jpg"
    (folder / ".Trash-1000").mkdir(parents=True)
    shutil.copy(photo, folder / "good.jpg")
    shutil.copy(photo, folder / ".Trash-1000" / "old.jpg")
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    found = run_polycap("caption", long, folder, "--language", CODE, "--json")
    assert found.status == 1
    assert [row["photo"] for row in found.rows] == [str(long), str(folder / "gone.jpg"), str(folder / "good.jpg")]
    skipped, *errors = found.err.splitlines()
    assert skipped.startswith("polycap: skipped 1 hidden, deleted, thumbnail or repeated (")
    assert [line.rpartition(": ")[2] for line in errors] == [
        "can't be looked at (File name too long)",
        "a link to what is not there",
    ]
    (folder / "gone.jpg").unlink()
    assert run_polycap("caption", folder, "--language", CODE).status == 0
    assert len(run_polycap("caption", folder / ".Trash-1000", "--language", CODE).out.splitlines()) == 1


def test_a_path_of_an_empty_variable() -> None:
    """Not the folder that one happens to be in."""
    found = run_polycap("caption", "")
    assert (found.status, found.out) == (1, "")
    assert 'polycap: "": names no photo' in found.err


def test_several_languages_and_a_page(
    world: World, quick_encoder: Any, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded, grid = [], quick_encoder.grid

    def counted(pixels: Any) -> Any:
        encoded.append(len(pixels))
        return grid(pixels)

    monkeypatch.setattr(quick_encoder, "grid", counted)
    folder, page = tmp_path / "photos", tmp_path / "deep" / "page.html"
    folder.mkdir()
    shutil.copy(photo, folder / "a.jpg")
    (folder / "b.jpg").write_text("not a photo")
    places = shutil.copytree(world.places, tmp_path / "languages", symlinks=True)
    (places / OTHER_CODE / "pack").symlink_to(world.pack)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(places))
    both = run_polycap("caption", folder, "--language", f"{CODE},{OTHER_CODE},{CODE}", "--html", page)
    assert encoded == [1], "a photo is encoded once for all languages"
    every = run_polycap("caption", folder, "--language", "all")
    assert both.status == 1  # b.jpg
    lines = [line.split("\t") for line in both.out.splitlines()]
    assert [line[:2] for line in lines] == [[str(folder / "a.jpg"), CODE], [str(folder / "a.jpg"), OTHER_CODE]]
    assert {tuple(line) for line in lines} <= {tuple(line.split("\t")) for line in every.out.splitlines()}
    html = page.read_text(encoding="utf-8")
    assert lines[0][2] in html
    assert "data:image/jpeg;base64," in html
    assert 'dir="rtl"' in html
    assert "a.jpg" in html
    assert "b.jpg" in html
    assert "is not an image" in html


@pytest.mark.usefixtures("world", "quick_encoder")
def test_the_beam(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The language's own, unless told; wider for more candidates; never wider than told."""
    widths = []

    def watched(decoder: Any, settings: Any) -> Search:
        widths.append(settings.beam_width)
        return Search(decoder, settings)

    monkeypatch.setattr("polycap.decoder.search.Search", watched)
    counts = []
    for options in ((), ("--n-best", 6), ("--beam", 2, "--n-best", 6)):
        found = run_polycap("caption", photo, "--language", CODE, "--json", *options)
        [row] = found.rows
        counts.append(len(row["candidates"]))
    assert widths == [3, 6, 2]
    assert counts[0] == 1
    assert 2 < counts[1] <= 6
    assert counts[2] <= 2


@pytest.mark.usefixtures("world")
def test_the_default_language_is_the_captions_own(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --language: POLYCAP_LANGUAGE, or else what is trained and no translation."""
    monkeypatch.setattr("polycap.language.registry._built_in", lambda _: iter(()))
    given = run_polycap("caption", photo, "--json").rows
    assert [row["language"] for row in given] == [CODE]
    monkeypatch.setenv("POLYCAP_LANGUAGE", OTHER_CODE)
    assert "no trained pack yet" in run_polycap("caption", photo).fault()


@pytest.mark.usefixtures("world", "quick_encoder")
def test_the_readers_own_language(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale's language that is trained; said on stderr, and nothing where a language is named."""
    monkeypatch.delenv("POLYCAP_LANGUAGE", raising=False)
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", f"{CODE}_XX.UTF-8")
    named = run_polycap("caption", photo, "--language", CODE)
    own = run_polycap("caption", photo)
    assert own.out == named.out
    assert named.err == ""
    assert own.err == f"polycap: captions in {CODE} (by LANG={CODE}_XX.UTF-8; --language chooses another)\n"
    monkeypatch.setenv("POLYCAP_LANGUAGE", OTHER_CODE)
    assert "no trained pack" in run_polycap("caption", photo).fault()
    monkeypatch.setenv("POLYCAP_LANGUAGE", "")
    assert run_polycap("caption", photo).err == own.err
