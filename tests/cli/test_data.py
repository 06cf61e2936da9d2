"""Tests of polycap/cli/data.py."""

import fcntl
import json
import shutil
from pathlib import Path

from caption_files import add_photos
from polycap.pack.card import read_card
from tiny import CODE, World, run_polycap

pytest_plugins = ["tiny_fixtures"]


# --- from one end to the other ---


def test_features_and_train(finished_world: World) -> None:
    made, trained = finished_world.printed
    assert f"{finished_world.features}: 13 photos, 2 views; 100 cells of 12 channels each\n" in made.out
    assert f"polycap: corrupt.jpg: {finished_world.data / 'Images' / 'corrupt.jpg'}: is not an image" in made.err
    assert trained.out == f"{finished_world.pack}\n"
    assert {path.name for path in finished_world.features.iterdir()} == {
        ".lock",
        "hashes.json",
        "mirrored",
        "plain",
    }
    card = read_card(finished_world.pack)
    assert card.language == CODE
    assert card.training["epochs"] == 20
    assert card.data["train photos"] == 8  # without the corrupt one
    for text in (made.out, trained.out):
        assert "Traceback" not in text
    assert "photo/s" not in made.err  # bars are for terminals


def test_the_commands_go_on_where_they_stopped(world: World) -> None:
    """Here: nothing is left to do."""
    stamps = {path: path.stat().st_mtime_ns for path in world.features.rglob("*") if path.is_file()}
    again = run_polycap("features", world.data, "--out", world.features)
    assert again.status == 0
    assert again.out == world.printed[0].out
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_two_trainings_in_one_folder(world: World, tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        found = run_polycap("train", CODE, "--data", world.data, "--features", world.features, "--out", tmp_path)
    assert f"{tmp_path}: another build of {CODE} is running here; wait for it, or end it" in found.fault()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_data_check(tiny_data: Path, tmp_path: Path) -> None:
    good = run_polycap("data", "check", tiny_data)
    assert good.status == 0
    assert "12 photos, 60 captions" in good.out
    row = json.loads(run_polycap("data", "check", tiny_data, "--json").out)
    assert row["splits"] == {"train": 8, "dev": 2, "test": 2, "none": 0}
    bad = shutil.copytree(tiny_data, tmp_path / "data")
    (bad / "Images" / "p00.jpg").write_text("not a photo")
    found = run_polycap("data", "check", bad)
    assert found.status == 1
    assert "faults: 1" in found.out
    assert run_polycap("data", "check", bad, "--no-decode").status == 0


def test_of_several_caption_files_and_folders_one_is_chosen(tmp_path: Path) -> None:
    for name in ("old", "new"):
        add_photos(tmp_path / name, ("a.jpg",))
        (tmp_path / f"{name}.csv").write_text(f"image,caption\na.jpg,an {name} dog\n")
    several = run_polycap("data", "check", tmp_path)
    assert (
        several.err == f"polycap: {tmp_path}: several caption files (new.csv, old.csv); name one with --caption-file\n"
    )
    captions = ["--caption-file", tmp_path / "new.csv"]
    folders = run_polycap("data", "check", tmp_path, *captions)
    assert folders.err == f"polycap: {tmp_path}: several folders of photos (new, old); name one with --photo-folder\n"
    chosen = run_polycap("data", "check", tmp_path, *captions, "--photo-folder", tmp_path / "new")
    assert (chosen.status, chosen.out.splitlines()[0]) == (0, f"{tmp_path.name}: 1 photos, 1 captions")
