"""Tests of polycap/photos/samples.py."""

import re
from pathlib import Path

import pytest
from PIL import Image

from polycap.errors import PolycapError
from polycap.photos import samples
from polycap.photos.samples import credit_of, sample_photos


def test_sample_photos_exist_and_name_their_makers() -> None:
    pytest.importorskip("skimage")
    found = sample_photos()
    assert len(found) == 3
    for sample in found:
        assert re.search("CC0|CC BY|public domain", sample.credit)
        assert credit_of(sample.path) == sample.credit
        with Image.open(sample.path) as image:
            assert min(image.size) >= 300
    assert credit_of(Path("other.jpg")) == ""


def test_missing_samples_name_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polycap.photos.samples.find_spec", lambda _: None)
    with pytest.raises(PolycapError, match=r'pip install "polycap\[demo\]"'):
        sample_photos()
    ours = Path(samples.__file__).parent / "pictures" / "dog.jpg"
    assert "scripts/scenes" in credit_of(ours)
    assert credit_of(Path("other.jpg")) == ""
