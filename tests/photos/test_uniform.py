"""Tests of polycap/photos/uniform.py."""

import numpy as np
import pytest

from polycap.photos.load import load_photo
from polycap.photos.samples import sample_photos
from polycap.photos.uniform import is_nearly_uniform

SIDE = 299


@pytest.mark.parametrize("grey", [0, 127, 255])
def test_what_has_no_content(grey: int) -> None:
    blank = np.full((SIDE, SIDE, 3), grey, np.uint8)
    assert is_nearly_uniform(blank)
    noise = np.random.default_rng(0).integers(-8, 9, blank.shape)
    scanned = (blank + noise).clip(0, 255).astype(np.uint8)
    scanned[280:290, 140:160] = 90  # the page's number
    assert is_nearly_uniform(scanned)


def test_what_has_content() -> None:
    for sample in sample_photos():
        assert not is_nearly_uniform(load_photo(sample.path, SIDE))
    text = np.full((SIDE, SIDE, 3), 255, np.uint8)
    text[100:200:8, 40:260] = 0  # lines of a page
    assert not is_nearly_uniform(text)
    gradient = np.broadcast_to(np.linspace(0, 255, SIDE).astype(np.uint8)[:, None, None], (SIDE, SIDE, 3))
    assert not is_nearly_uniform(gradient)
