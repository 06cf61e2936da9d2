"""Identity of an encoder: hashes of weights and preprocessing. Does not import Keras."""

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
    "MIDDLE_CELLS",
    "MIDDLE_CHANNELS",
    "PREPROCESSING",
    "SIZE",
    "EncoderIdentity",
    "encoder_identity",
    "expected_identity",
    "middle_flow_identity",
    "weights_identity",
]

Cached: TypeAlias = Callable[[Path, str, Callable[[Path], str]], str]

SIZE = 299
"""Side of the encoder's input in pixels."""
CELLS = 100
"""Cells of the encoder's output: 10 × 10, row by row."""
BLOCKS: tuple[int, ...] = (2048, 728, 64)
"""Channels of a cell by kind: Xception's last layer, its middle flow, and the share of each colour."""
CHANNELS = sum(BLOCKS)
"""Channels of a cell."""
MIDDLE_CELLS = 361
"""Cells of the middle flow: 19 × 19, row by row."""
MIDDLE_CHANNELS = 728
"""Channels of a cell of the middle flow."""

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
    """Identity of an encoder.

    Attributes:
        full: identity of all channels.
        xception_only: identity of Xception's last layer alone, which older packs and features have.
    """

    full: str
    xception_only: str


def encoder_identity(tensors: str) -> EncoderIdentity:
    """Return the identity of the encoder whose tensors have this `tensors_hash`."""
    xception_only = {"tensors": tensors, **PREPROCESSING}
    return EncoderIdentity(digest({**xception_only, **_BESIDE}), digest(xception_only))


def middle_flow_identity(encoder: EncoderIdentity) -> EncoderIdentity:
    """Return the identity of an encoder's middle flow, whose activations the exit flow is trained on."""
    identity = digest({"encoder": encoder.xception_only, "output": "before block13_sepconv1_act"})
    return EncoderIdentity(identity, identity)


def _compute(path: Path, _kind: str, compute: Callable[[Path], str]) -> str:
    return compute(path)


def weights_identity(path: Path, cached: Cached = _compute) -> EncoderIdentity:
    """Return the identity of the encoder with the weights in a file, without building the network.

    Args:
        path: as for `read_weights`.
        cached: function of a file, the name of a value and a function that computes it, such as `HashCache.get`.
            (default: without a cache)

    Raises:
        EncoderError: the weights can't be read.
    """
    if not path.is_file():
        read_weights(path)  # raises the error
    return encoder_identity(cached(path, "tensors", lambda path: tensors_hash(read_weights(path))))


def expected_identity(weights: Path | None = None, cached: Cached = _compute) -> EncoderIdentity:
    """Return the identity that `Encoder.load(weights)` will have; weights to be downloaded are the published ones.

    Args:
        weights: as for `Encoder.load`.
        cached: as for `weights_identity`. (default: without a cache)

    Raises:
        EncoderError: given weights can't be read.
    """
    path = local_weights(weights)
    return encoder_identity(PUBLISHED) if path is None else weights_identity(path, cached)
