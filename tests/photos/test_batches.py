"""Tests of polycap/photos/batches.py."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.errors import PhotoError
from polycap.photos.batches import decode_batches, one_ahead
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
    photos = [np.zeros((4, 4, 3), dtype=np.uint8)] * 100
    asked: list[int] = []

    class Items(list[Any]):
        def __getitem__(self, position: Any) -> Any:
            asked.append(position)
            return super().__getitem__(position)

    batches = decode_batches(Items(enumerate(photos)), 4, batch_size=10)
    next(batches)
    assert len(asked) == 20
    next(batches)
    assert len(asked) == 30
    batches.close()  # type: ignore[attr-defined]


def test_the_next_item_is_made_while_one_is_in_use_and_no_more() -> None:
    made = [threading.Event() for _ in range(5)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    ahead = one_ahead(items())
    assert next(ahead) == 0
    assert made[1].wait(5)  # though nobody has asked for it
    assert not made[2].wait(0.1)
    assert list(ahead) == [1, 2, 3, 4]


def test_what_goes_wrong_ahead_is_raised_at_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise PhotoError("broken")

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(PhotoError, match="broken"):
        next(ahead)
