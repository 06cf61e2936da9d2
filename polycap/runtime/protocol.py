"""Protocol of runtimes: encoder, reduction and search."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.results import SearchResult
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.pca import FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.language.settings import DecodingSettings

if TYPE_CHECKING:
    from polycap.pack.pack import Pack

__all__ = ["CaptionSearch", "CellWeights", "Reduction", "Runtime"]

Reduction: TypeAlias = Callable[[NDArray[np.float16]], NDArray[np.float32]]
"""PCA: `(photos, cells, channels) float16` → `(photos, cells, components) float32`; further channels are ignored."""

CellWeights: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.int32]], NDArray[np.float32] | None]
"""Attention by teacher forcing: reduced features `(photos, cells, channels) float32` and token ids `(photos, length)
int32` that begin with `<s>` → the weight of each cell in the choice of the token after each one, `(photos, length,
cells) float32`, sums of 1; None if the decoder attends to no cell in particular."""


class CaptionSearch(Protocol):
    """Protocol of a search over a pack's decoder, such as `polycap.decoder.search.Search`."""

    def find(self, features: NDArray[Any]) -> SearchResult:
        """Search for the captions of a batch.

        Args:
            features: `(photos, cells, channels) float16 or float32`.

        Returns:
            Hypotheses, ranked as the settings say.
        """


class Runtime(Protocol):
    """Protocol of a runtime."""

    @property
    def name(self) -> str:
        """Name, as for `open_runtime`."""

    def encoder(self, artefact: EncoderArtefact) -> PhotoEncoder:
        """Return the encoder of an artefact, finished or not.

        Raises:
            EncoderError: the artefact is broken.
            CaptionRuntimeError: the runtime is not installed, or can't run.
        """

    def middle_flow(self, weights: Path | None = None) -> PhotoEncoder:
        """Return the middle flow of Xception, 19 × 19 cells of 728 channels, which an exit flow is trained on.

        Args:
            weights: file of Xception's weights. (default: the first source of `find_weights`)

        Raises:
            EncoderError: no usable weights.
            CaptionRuntimeError: the runtime is not installed, or can't run.
        """

    def reduction(self, pca: FeaturePCA) -> Reduction:
        """Return a PCA of the encoder's cells.

        Raises:
            CaptionRuntimeError: the runtime is not installed, or can't run.
        """

    def attention(self, pack: "Pack") -> CellWeights:
        """The attention of a pack's decoder; prepared when it is first called.

        Raises:
            PackError: its weights are not those of the decoder in its card.
            CaptionRuntimeError: the runtime is not installed, or can't run.
        """

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """Return the search over a pack's decoder.

        Raises:
            PackError: the pack's weights do not match the decoder settings in its card.
            CaptionRuntimeError: the runtime is not installed, or can't run.
        """
