"""Tests of polycap/pipeline/arguments.py."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builds import RECIPE, SETTINGS, STAGES, Place, ran
from polycap.errors import BuildError
from polycap.pipeline import BuildOptions, build_language
from polycap.pipeline.arguments import save_arguments, settle_arguments
from tiny import CODE, OTHER_CODE, change_json, run_polycap

pytest_plugins = ["tiny_fixtures"]


Mistake = tuple[Callable[[Place], list[Any]], str]


def no_folder(place: Place) -> list[Any]:
    shutil.rmtree(place.pack())
    place.pack().write_text("not a folder")
    return []


MISTAKES: dict[str, Mistake] = {
    "no such data": (lambda p: ["--data", p.folder / "no"], "no: can't be listed"),
    "no such captions": (lambda p: ["--captions", p.folder / "no"], "no: can't be read"),
    "captions of other photos": (
        lambda p: ["--captions", stranger(p)],
        "stranger.txt: no caption of a photo in the train split of",
    ),
    "no such setting": (lambda _: ["--set", "epoch=3"], "'epoch=3': expected NAME=VALUE"),
    "an impossible setting": (lambda _: ["--set", "epochs=-1"], "epochs=-1: "),
    "no such encoder": (lambda p: ["--encoder", p.folder / "no"], "no: no encoder here"),
    "broken arguments": (lambda p: corrupt(p, mirrored="perhaps"), "build.json:mirrored: "),
    "unknown arguments": (lambda p: corrupt(p, later="x"), "build.json:later: "),
    "no place for the pack": (no_folder, f"{os.sep}pack: is no folder, and the pack of {CODE} belongs there; copy "),
}


# --- arguments ---


def test_the_arguments_are_kept(built: Place) -> None:
    def kept() -> dict[str, Any]:
        return dict(json.loads((built.work / CODE / "build.json").read_text(encoding="utf-8")))

    first = kept()
    assert first["data"] == str(built.data)
    assert (first["captions"], first["origin"]) == ([str(built.captions)], "mt:engine")
    assert first["settings"] == dict(assignment.split("=") for assignment in RECIPE)
    built.plan("--set=epochs=1")
    assert kept() == first  # a dry run keeps nothing
    ran(built.build("--set=epochs=1"))
    assert kept() == {**first, "settings": {**first["settings"], "epochs": "1"}}
    other = built.folder / "other.txt"
    shutil.copy(built.captions, other)
    ran(built.build("--captions", other))
    assert (kept()["captions"], kept()["origin"]) == ([str(other)], "human")  # the origin was of the other file


def test_relative_paths_are_kept_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    with pytest.raises(BuildError, match="captions in ynit are needed"):
        build_language(CODE, BuildOptions(data=Path("data")), dry_run=True)
    found = run_polycap("build", OTHER_CODE, "--data", "data", "--no-mirrored", *SETTINGS)
    assert ran(found) == STAGES
    monkeypatch.chdir(place.data)
    assert ran(run_polycap("build", OTHER_CODE, "--work", place.folder / "work")) == []


def corrupt(place: Place, **values: Any) -> list[Any]:
    change_json(place.work / CODE / "build.json", **values)
    return []


def stranger(place: Place) -> Path:
    path = place.folder / "stranger.txt"
    path.write_text("stranger.jpg#0\tx\nmalformed\n")
    return path


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_line_before_anything_is_done(mistake: str, dry: bool, built: Place) -> None:
    make, message = MISTAKES[mistake]
    arguments = make(built)
    before = built.stamps()
    found = built.build(*arguments, *(["--dry-run"] if dry else []))
    assert message in found.fault()
    assert found.out == ""
    assert built.stamps() == before


def test_the_caption_file_is_kept_for_builds_of_the_same_data(tmp_path: Path) -> None:
    def settle(**options: Any) -> tuple[Path | None, Path | None]:
        settled = settle_arguments(tmp_path / "work", CODE, BuildOptions(**options))
        (tmp_path / "work").mkdir(exist_ok=True)
        save_arguments(tmp_path / "work", settled)
        return settled.caption_file, settled.photo_folder

    chosen = tmp_path / "x.csv", tmp_path / "photos"
    assert settle(data=tmp_path / "data", caption_file=chosen[0], photo_folder=chosen[1]) == chosen
    assert settle() == settle(data=tmp_path / "data") == chosen
    assert settle(data=tmp_path / "other") == (None, None)
    assert settle(caption_file=chosen[0]) == (chosen[0], None)
