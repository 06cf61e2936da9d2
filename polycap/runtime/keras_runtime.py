"""Keras runtime: the reference, and the one that training uses."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.rerank import rerank
from polycap.decoder.results import SearchResult
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.pca import FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.encoder.weights import find_weights
from polycap.errors import CaptionRuntimeError
from polycap.language.settings import DecodingSettings
from polycap.machine.extras import require_keras
from polycap.runtime.precision import BF16, F32, FPMATH, INT8, choose_precision
from polycap.runtime.protocol import CaptionSearch, CellWeights, Reduction

if TYPE_CHECKING:
    from polycap.pack.pack import Pack

__all__ = ["KerasRuntime", "KerasSearch"]


class KerasRuntime:
    """Runtime that computes the networks with Keras, which is imported on first use.

    Args:
        precision: precision of the encoder and the search, as for `choose_precision`.

    Raises:
        CaptionRuntimeError: the precision is int8, which only OpenVINO has; or Keras' backend is not installed.
    """

    name = "keras"

    def __init__(self, precision: str | None = None) -> None:
        self._precision = choose_precision(precision)
        if self._precision == INT8:
            raise CaptionRuntimeError(
                f"runtime keras: computes in {F32} or {BF16}; for {INT8}, choose `runtime` openvino"
            )
        require_keras("runtime keras", error=CaptionRuntimeError)

    def encoder(self, artefact: EncoderArtefact) -> PhotoEncoder:
        """See `Runtime.encoder`."""
        _set_precision(self._precision)
        from polycap.encoder.encoder import Encoder

        return Encoder.load(artefact)

    def middle_flow(self, weights: Path | None = None) -> PhotoEncoder:
        """See `Runtime.middle_flow`."""
        _set_precision(self._precision)
        from polycap.encoder.encoder import MiddleFlow

        return MiddleFlow(find_weights(weights))

    def reduction(self, pca: FeaturePCA) -> Reduction:
        """See `Runtime.reduction`; computed by NumPy."""
        return pca

    def attention(self, pack: "Pack") -> CellWeights:
        """See `Runtime.attention`."""
        _set_precision(self._precision)
        decoder = pack.decoder

        def weigh(features: NDArray[np.float32], token_ids: NDArray[np.int32]) -> NDArray[np.float32] | None:
            weights = decoder.attention(features, token_ids[:, None])  # (photos, 1, length, cells)
            return None if weights is None else np.asarray(weights)[:, 0]

        return weigh

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """See `Runtime.search`."""
        _set_precision(self._precision)
        return KerasSearch(pack, settings)


class KerasSearch:
    """See `CaptionSearch`: the search as it is defined, then ranked."""

    def __init__(self, pack: "Pack", settings: DecodingSettings) -> None:
        from polycap.decoder.search import Search

        self._search, self._settings = Search(pack.decoder, settings), settings

    def find(self, features: NDArray[Any]) -> SearchResult:
        """See `CaptionSearch.find`."""
        return rerank(self._search.find(features), self._settings)


def _set_precision(precision: str) -> None:
    """Set the precision of TensorFlow, which reads it once, for the whole process."""
    modes = {F32: "STRICT", BF16: "BF16"}
    mode = modes.get(precision, os.environ.get(FPMATH))
    if mode == os.environ.get(FPMATH):
        return
    if "tensorflow" in sys.modules:
        raise CaptionRuntimeError(
            f"runtime keras: precision {precision} comes too late, TensorFlow is loaded already; "
            f"set {FPMATH}={mode} beforehand"
        )
    os.environ[FPMATH] = str(mode)
