"""Tests of polycap/pipeline/stages/features.py."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from builds import STAGES, Place, ran
from encoders import make_encoder, make_pca
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import CELLS
from polycap.files.hashes import HashCache
from polycap.pack.card import read_card
from tiny import CODE, OTHER_CODE

pytest_plugins = ["tiny_fixtures"]


# --- hashes of files ---


def test_hashes_are_remembered(tmp_path: Path) -> None:
    file, kept = tmp_path / "file", tmp_path / "hashes.json"
    file.write_text("one")
    asked: list[Path] = []

    def compute(path: Path) -> str:
        asked.append(path)
        return path.read_text()

    cache = HashCache(kept)
    assert [cache.get(file, "text", compute) for _ in range(2)] == ["one", "one"]
    assert len(asked) == 1
    assert not kept.exists()
    cache.save()
    assert HashCache(kept).get(file, "text", compute) == "one"
    assert len(asked) == 1
    assert len(HashCache(kept).get(file)) == 64  # another kind
    file.write_text("two")
    os.utime(file, ns=(0, np.int64(12345).item()))
    assert HashCache(kept).get(file, "text", compute) == "two"
    file.unlink()
    assert HashCache(kept).get(file, "text", compute) == "unreadable"
    kept.write_text("[")
    assert HashCache(kept).get(tmp_path / "none") == "unreadable"


def test_photos_that_can_not_be_read(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """They are told of and left out, as everywhere."""
    (place.data / "Images" / "p02.jpg").write_text("not a photo")
    found = place.first("--no-mirrored")
    assert ran(found) == STAGES
    assert "p02.jpg: left out: " in caplog.text
    assert read_card(place.pack()).data["train photos"] == 7
    assert ran(place.build()) == []


def test_a_view_more(place: Place) -> None:
    """Two languages may differ in the mirrored view without undoing each other's features."""
    assert ran(place.first("--no-mirrored")) == STAGES
    assert ran(place.first("--mirrored", code=OTHER_CODE)) == STAGES
    assert ran(place.build()) == []
    assert ran(place.build(code=OTHER_CODE)) == []
    assert read_card(place.pack()).data["views"] == "plain"
    assert read_card(place.pack(OTHER_CODE)).data["views"] == "plain, mirrored"


# --- beginning with another language's decoder ---


def test_a_build_begins_with_another_language(built: Place) -> None:
    """The train stage knows by which pack; what can't be begun with is told before anything is done."""
    assert "train" in ran(built.first(f"--start={CODE}", code=OTHER_CODE))
    [run] = (built.work / OTHER_CODE).glob("run-*/config.json")
    decoder = json.loads((built.pack() / "card.json").read_text(encoding="utf-8"))["files"]["decoder.safetensors"]
    assert json.loads(run.read_text(encoding="utf-8"))["start"] == decoder["sha256"]
    assert ran(built.build(code=OTHER_CODE)) == []  # kept
    assert "start" in built.plan("--start=", code=OTHER_CODE)["train"]
    told = "is the pack that this build replaces"
    assert told in built.build(f"--start={OTHER_CODE}", "--dry-run", code=OTHER_CODE).err
    shutil.rmtree(built.pack())
    assert "has no pack: build that first" in built.build("--dry-run", code=OTHER_CODE).err


def test_a_build_begins_with_a_pack_of_its_own_encoder(built: Place, artefact: EncoderArtefact, tmp_path: Path) -> None:
    other = make_encoder(tmp_path / "other", pca=make_pca(1), cells=CELLS)
    told = built.first(f"--start={CODE}", "--encoder", other.folder, "--dry-run", code=OTHER_CODE).fault()
    assert f"pack: is of encoder {artefact.identity}, but the encoder in use is {other.identity}" in told
