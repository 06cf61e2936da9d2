"""Protocol of photo encoders."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.artefact import EncoderArtefact

__all__ = ["PhotoEncoder"]


class PhotoEncoder(Protocol):
    """Photo encoder. `polycap.encoder.encoder.Encoder` is the reference.

    Attributes:
        identity: hash of the tensors and the preprocessing, the same in every runtime; `EncoderArtefact.features`.
        precision: f32, bf16 or int8.
        size: side of the input in pixels.
        cells: number of cells of the output.
        blocks: channels of a cell by kind, see `polycap.encoder.identity`.
    """

    identity: str
    precision: str
    size: int
    cells: int
    blocks: tuple[int, ...]

    @property
    def artefact(self) -> EncoderArtefact | None:
        """Artefact that the encoder is of; None of a middle flow."""

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Encode photos: `(batch, 299, 299, 3) uint8` → `(batch, 100, 2840) float16`."""
