"""Helpers of the tests in tests/features."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from polycap.features.extract import extract_features
from polycap.features.store import FeatureStore
from polycap.photos.batches import BATCH_SIZE

if TYPE_CHECKING:
    from polycap.encoder.encoder import Encoder

PHOTOS = 2 * BATCH_SIZE + 5


Named = list[tuple[str, Path]]


GOOD = [number for number in range(PHOTOS) if number not in (7, 40)]


class TinyEncoder:
    """What extraction needs of an encoder: the mean colour of a photo's quarters, and twice that.

    It writes the photos it sees (their red is their number) to `log`, and dies in its call number `dies_in`.
    """

    identity, artefact = "tiny", None
    precision = "f32"
    size, cells, blocks = 4, 4, (6,)

    def __init__(self, log: Path, dies_in: int = 0) -> None:
        self.log = log
        self.dies_in = dies_in
        self.calls = 0

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls += 1
        if self.calls == self.dies_in:
            os.kill(os.getpid(), signal.SIGKILL)
        with self.log.open("a") as stream:
            stream.write("".join(f"{red}\n" for red in photos[:, :, :, 0].max(axis=(1, 2))))
        quarters = photos.reshape(-1, 2, 2, 2, 2, 3).mean(axis=(2, 4), dtype=np.float32).reshape(-1, 4, 3)
        return np.concatenate([quarters, 2 * quarters], axis=2)


def name_of(number: int) -> str:
    return f"{number:03d}.png"


def extract(photos: Named, folder: Path, log: Path, dies_in: int = 0, mirrored: bool = False) -> FeatureStore:
    encoder = cast("Encoder", TinyEncoder(log, dies_in))
    return extract_features(photos, encoder, folder, mirrored=mirrored, progress=False)


def encoded(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().splitlines()] if log.exists() else []


class Whole(NamedTuple):
    """A store that was extracted without interruption."""

    folder: Path
    store: FeatureStore
    log: Path
