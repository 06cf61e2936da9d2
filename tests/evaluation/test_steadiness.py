"""Tests of polycap/evaluation/steadiness.py."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import polycap
from polycap.dataset import Photo, load_dataset
from polycap.evaluation import steadiness
from polycap.photos.load import PhotoBytes
from tiny import CODE, World, run_polycap

pytest_plugins = ["tiny_fixtures"]


def test_changes_of_a_photo(tmp_path: Path) -> None:
    """A photo that lies on its side: its changes are upright."""
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(path, exif=exif)
    encode, shrink = steadiness.CHANGES["JPEG quality 75"], steadiness.CHANGES["168 px"]
    encoded, small = encode(path), shrink(path)
    assert isinstance(encoded, PhotoBytes)
    with Image.open(io.BytesIO(encoded.data)) as image:
        assert (image.format, image.size) == ("JPEG", (40, 30))
    assert isinstance(small, Image.Image)
    assert small.size == (224, 168)


def test_shares(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the readable photos, `other` changes exactly one into another photo."""
    captioner = polycap.load(CODE)
    photos = load_dataset(world.data).split("train")
    captions = {photo.name: captioner(photo.path).text for photo in photos if photo.name != "corrupt.jpg"}
    first = next(photo for photo in photos if photo.name in captions)
    stranger = next(photo for photo in photos if captions.get(photo.name) not in (None, captions[first.name]))
    changes = {"none": lambda path: path, "other": lambda path: stranger.path if path == first.path else path}
    monkeypatch.setattr(steadiness, "CHANGES", changes)
    shares = steadiness.measure_steadiness([captioner], photos, progress=False)
    assert shares == {CODE: {"none": 1.0, "other": pytest.approx(1 - 1 / len(captions))}}
    assert capsys.readouterr().err.count("left out: ") == 1
    broken = Photo("corrupt.jpg", world.data / "Images" / "corrupt.jpg", "train", ())
    with pytest.raises(polycap.PolycapError, match="none of the photos can be read"):
        steadiness.measure_steadiness([captioner], [broken], progress=False)


@pytest.mark.usefixtures("quick_encoder")
def test_the_command(world: World, tmp_path: Path) -> None:
    options = ("--data", world.data, "--split", "test", "--steadiness", "--out", tmp_path / "out", "--json")
    row = json.loads(run_polycap("evaluate", CODE, *options).out)
    assert list(row["steadiness"]) == ["JPEG quality 75", "168 px"]
    assert all(0 <= share <= 1 for share in row["steadiness"].values())
