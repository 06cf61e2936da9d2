"""Tests of polycap/dataset/check.py."""

import json
from pathlib import Path

import pytest

from caption_files import add_official, token_rows
from polycap.dataset.check import check_dataset


def test_check_decodes_every_photo_and_reports_all_faults(folder: Path) -> None:
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
    assert "is above the limit of 4e-05 megapixels; make it smaller, or raise `max_megapixels`" in faults[0].message
