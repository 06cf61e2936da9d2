"""Tests of polycap/pipeline/status.py."""

import shutil

import pytest

from builds import STAGES, Place, edit, python, ran
from polycap.pack.card import read_card
from polycap.pipeline import language_status
from tiny import CODE, OTHER_CODE, run_polycap

pytest_plugins = ["tiny_fixtures"]

# --- only looking ---

LOOK = """
import sys
from polycap.cli import main

sys.argv[0] = "polycap"
try:
    main()
finally:
    heavy = {"tensorflow", "keras", "sentencepiece"} & sys.modules.keys()
    print("heavy:", *heavy)
"""


@pytest.mark.parametrize("change", [False, True])
def test_a_dry_run_and_status_write_nothing_and_load_nothing_heavy(change: bool, built: Place) -> None:
    if change:
        edit(built.captions, "indeed", "in fact")
        (built.work / "hashes.json").unlink()
    before = built.stamps()
    for command in (["build", CODE, "--dry-run"], ["status"]):
        done = python("-c", LOOK, *command, "--work", built.work)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "heavy:"
        assert ("changed: captions" in done.stdout) == change
        assert built.stamps() == before


def test_a_dry_run_where_nothing_is(place: Place) -> None:
    before = place.stamps()
    found = place.first("--dry-run")
    assert ran(found) == STAGES
    assert len(found.out.splitlines()) == 6
    assert place.stamps() == before
    assert not place.work.exists()


def test_status_for_people(built: Place) -> None:
    found = run_polycap("status", "--work", built.work)
    assert found.status == 0
    lines = found.out.splitlines()
    mine = lines.index(next(line for line in lines if line.startswith(f"{CODE}: ")))
    size = sum(path.stat().st_size for path in built.pack().iterdir()) / 1e6
    best = read_card(built.pack()).training["best epoch's dev BLEU-4"]
    assert lines[mine].startswith(f"{CODE}: best dev BLEU-4 {best:.2f}; pack of 2")
    assert lines[mine].endswith(f", {size:.1f} MB, of the last run")
    rows = [line.split(maxsplit=2) for line in lines[mine + 1 : mine + 7]]
    assert [row[0] for row in rows] == STAGES
    assert {row[1] for row in rows} == {"done"}
    assert any(line.startswith("en: ") for line in lines)  # it has a pack
    assert not any(line.startswith(f"{OTHER_CODE}:") for line in lines)
    edit(built.language() / "language.toml", "beam_width = 3", "beam_width = 2")
    text = run_polycap("status", CODE, "--work", built.work).out
    assert "  train      stale      changed: [decoding] beam_width (3 → 2)\n" in text
    assert "  evaluate   stale      changed: [decoding] beam_width (3 → 2)\n" in text
    assert "  install    stale      after train and evaluate" in text


def test_status_of_what_was_never_built(built: Place) -> None:
    found = run_polycap("status", OTHER_CODE, "--work", built.work)
    assert found.out.splitlines() == [f"{OTHER_CODE}: no pack", "  never built here"]
    [status] = language_status([OTHER_CODE], work=built.work)
    assert (status.steps, status.pack, status.best_dev_bleu4, status.error) == ((), None, None, "")


def test_status_of_a_pack_from_elsewhere(built: Place) -> None:
    assert built.status()["pack"]["from_last_run"] is True
    ran(built.first(code=OTHER_CODE))
    shutil.rmtree(built.pack())
    shutil.copytree(built.pack(OTHER_CODE), built.pack())
    assert built.status()["pack"]["from_last_run"] is False
    assert ", not of the last run" in run_polycap("status", CODE, "--work", built.work).out
    shutil.rmtree(built.work)
    row = built.status()
    assert (row["stages"], row["pack"]["from_last_run"]) == ([], None)
    assert row["best_dev_bleu4"] == read_card(built.pack()).training["best epoch's dev BLEU-4"]


def test_status_where_something_is_gone(built: Place) -> None:
    """One language's trouble hides no other's state."""
    shutil.rmtree(built.data)
    row = built.status()
    assert "can't be listed" in row["error"]
    assert row["pack"] is not None
    assert "  can't tell what is stale: " in run_polycap("status", "--work", built.work).out
    shutil.rmtree(built.language())
    found = run_polycap("status", "--work", built.work)
    assert found.status == 0
    assert f"{CODE}: no pack\n  can't tell what is stale: unknown language '{CODE}'" in found.out
