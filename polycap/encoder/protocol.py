"""What is asked of an encoder, whatever computes it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.identity import EncoderIdentity

__all__ = ["PhotoEncoder", "maker_of"]


class PhotoEncoder(Protocol):
    """Photos → cells. `polycap.encoder.encoder.Encoder` is the reference.

    Attributes:
        identity: hashes of the weights and the preprocessing, the same for all that computes the same.
        size: side of its input, pixels.
        precision: in which numbers it computes: f32, bf16 or int8.
        cells: cells of its output.
        blocks: what a cell's channels are, see `polycap.encoder.identity`.
    """

    identity: EncoderIdentity
    precision: str
    size: int
    cells: int
    blocks: tuple[int, ...]

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        """`(batch, 299, 299, 3) uint8` → `(batch, 100, 2840) float16`."""


def maker_of(channels: int, encoder: PhotoEncoder) -> str:
    """The identity of what makes the first `channels` channels of an encoder's cells."""
    return encoder.identity.whole if channels == sum(encoder.blocks) else encoder.identity.former
