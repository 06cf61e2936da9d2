"""Fixtures of the tests of polycap/features."""

import pytest
from PIL import Image

from extraction import PHOTOS, Named, Whole, extract, name_of


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Named:
    """Photos whose red is their number, with the left half black; number 7 is a text, number 40 is truncated."""
    folder = tmp_path_factory.mktemp("photos")
    named = [(name_of(number), folder / name_of(number)) for number in range(PHOTOS)]
    for number, (_, path) in enumerate(named):
        photo = Image.new("RGB", (4, 4), (number, 100, 200))
        photo.paste("black", (0, 0, 2, 4))
        photo.save(path)
    named[7][1].write_text("no photo")
    named[40][1].write_bytes(named[40][1].read_bytes()[:50])
    return named


@pytest.fixture(scope="module")
def whole(photos: Named, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    log = folder / "log"
    return Whole(folder / "store", extract(photos, folder / "store", log), log)
