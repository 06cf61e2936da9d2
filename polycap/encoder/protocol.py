"""Protocol of photo encoders."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.identity import EncoderIdentity

__all__ = ["PhotoEncoder", "identity_for"]


class PhotoEncoder(Protocol):
    """Photo encoder. `polycap.encoder.encoder.Encoder` is the reference.

    Attributes:
        identity: hashes of the weights and the preprocessing, the same in every runtime.
        precision: f32, bf16 or int8.
        size: side of the input in pixels.
        cells: number of cells of the output.
        blocks: channels of a cell by kind, see `polycap.encoder.identity`.
    """

    identity: EncoderIdentity
    precision: str
    size: int
    cells: int
    blocks: tuple[int, ...]

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Encode photos: `(batch, 299, 299, 3) uint8` → `(batch, 100, 2840) float16`."""


def identity_for(channels: int, encoder: PhotoEncoder) -> str:
    """Return the identity of an encoder's first `channels` channels."""
    return encoder.identity.full if channels == sum(encoder.blocks) else encoder.identity.xception_only
