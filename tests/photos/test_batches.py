"""Tests of polycap/photos/batches.py."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.errors import PhotoError
from polycap.photos.batches import decode_batches
from polycap.photos.load import load_photo


def test_photos_are_decoded_in_order_and_faults_between_them(photo_folder: Path, tmp_path: Path) -> None:
    good = sorted(photo_folder.iterdir())[:2]
    items = [(key, tmp_path / "none.jpg" if key % 3 == 2 else good[key % 3]) for key in range(11)]
    batches = list(decode_batches(items, 8, batch_size=4))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    decoded = [entry for batch in batches for entry in batch]
    assert [key for key, _ in decoded] == list(range(11))
    for key, photo in decoded:
        if key % 3 == 2:
            assert isinstance(photo, PhotoError)
        else:
            assert not isinstance(photo, PhotoError)
            assert (photo == load_photo(good[key % 3], 8)).all()
    assert list(decode_batches([], 8)) == []


def test_decoding_stays_two_batches_ahead_and_no_more() -> None:
    photo = np.zeros((4, 4, 3), dtype=np.uint8)
    drawn: list[int] = []

    def items() -> Iterator[tuple[int, Any]]:
        for number in range(100):
            drawn.append(number)
            yield number, photo

    batches = decode_batches(items(), 4, batch_size=10)
    next(batches)
    assert len(drawn) == 20
    next(batches)
    assert len(drawn) == 30
    batches.close()  # type: ignore[attr-defined]


def test_what_the_items_raise_comes_after_the_photos_before_it() -> None:
    def items() -> Iterator[tuple[int, Any]]:
        yield from enumerate([np.zeros((4, 4, 3), dtype=np.uint8)] * 5)
        raise OSError("the list ends here")

    batches = decode_batches(items(), 4, batch_size=2)
    assert [len(next(batches)) for _ in range(3)] == [2, 2, 1]
    with pytest.raises(OSError, match="ends here"):
        next(batches)
