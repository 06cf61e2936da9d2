"""Tests of polycap/photos/crops.py."""

import numpy as np

from polycap.photos.crops import random_crop
from polycap.photos.load import load_photo
from polycap.photos.samples import sample_photos


def test_a_crop_is_a_part_of_the_photo_at_its_size() -> None:
    ramp = np.broadcast_to(np.linspace(0, 200, 299)[None, :, None], (299, 299, 3)).astype(np.uint8)
    crops = [random_crop(ramp, np.random.default_rng(seed)) for seed in range(20)]
    assert {(crop.shape, crop.dtype.name) for crop in crops} == {((299, 299, 3), "uint8")}
    widths = [np.ptp(crop[150, :, 0].astype(int)) / 200 for crop in crops]  # of the photo's width, but for its light
    assert min(widths) < 0.8 < max(widths) <= 1.3


def test_the_same_generator_gives_the_same_crop() -> None:
    pixels = load_photo(sample_photos()[0].path, 299)
    first, again, other = (random_crop(pixels, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5
