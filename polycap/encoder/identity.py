"""What makes two encoders the same one. Light: nothing here loads the network."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from polycap.encoder.weight_files import read_weights, tensors_hash
from polycap.encoder.weights import PUBLISHED, local_weights
from polycap.files import digest

__all__ = [
    "BLOCKS",
    "CELLS",
    "CHANNELS",
    "PREPROCESSING",
    "SIZE",
    "EncoderIdentity",
    "encoder_identity",
    "expected_identity",
    "weights_identity",
]

Cached: TypeAlias = Callable[[Path, str, Callable[[Path], str]], str]

SIZE = 299
"""Side of the encoder's input, pixels."""
CELLS = 100
"""Cells of its output: 10 × 10, row by row."""
BLOCKS: tuple[int, ...] = (2048, 728, 64)
"""What a cell's channels are: Xception's last ones, those of its middle flow, and how much there is of each colour."""
CHANNELS = sum(BLOCKS)
"""Channels of a cell."""

PREPROCESSING = {
    "architecture": "keras.applications.Xception, include_top=False",
    "size": SIZE,
    "aspect": "squashed",
    "resample": "bicubic",
    "background": "white",
    "range": [-1, 1],
}


_BESIDE = {"middle": "block13_sepconv1_act, means of 3 × 3", "colours": "4 × 4 × 4, trilinear"}


class EncoderIdentity(NamedTuple):
    """The identity of an encoder, and that of its first block alone, which packs and features of before have."""

    whole: str
    former: str


def encoder_identity(tensors: str) -> EncoderIdentity:
    """The identity of the encoder whose tensors have this `tensors_hash`."""
    former = {"tensors": tensors, **PREPROCESSING}
    return EncoderIdentity(digest({**former, **_BESIDE}), digest(former))


def _compute(path: Path, _kind: str, compute: Callable[[Path], str]) -> str:
    return compute(path)


def weights_identity(path: Path, cached: Cached = _compute) -> EncoderIdentity:
    """The identity of the encoder with the weights in a file, without loading the network.

    Args:
        path: as for `read_weights`.
        cached: called with a file, a name for what is computed of it, and how; it may know the answer already.

    Raises:
        EncoderError: the weights can't be read.
    """
    if not path.is_file():
        read_weights(path)  # its error says what is wrong
    return encoder_identity(cached(path, "tensors", lambda path: tensors_hash(read_weights(path))))


def expected_identity(weights: Path | None = None, cached: Cached = _compute) -> EncoderIdentity:
    """The identity that `Encoder.load(weights)` will have. Weights that are not here yet will be the published ones.

    Args:
        weights: as for `Encoder.load`.
        cached: as for `weights_identity`.

    Raises:
        EncoderError: weights were given that can't be read.
    """
    path = local_weights(weights)
    return encoder_identity(PUBLISHED) if path is None else weights_identity(path, cached)
