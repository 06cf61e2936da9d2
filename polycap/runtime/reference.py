"""Keras computes: the reference, and what training uses."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from polycap.errors import CaptionRuntimeError
from polycap.extras import require_keras
from polycap.features.pca import FeaturePCA
from polycap.features.protocol import PhotoEncoder
from polycap.language import DecodingSettings
from polycap.runtime.base import CaptionSearch, Reduction
from polycap.runtime.precision import BF16, F32, FPMATH, INT8, choose_precision

if TYPE_CHECKING:
    from polycap.decoder.pack import Pack

__all__ = ["KerasRuntime"]


class KerasRuntime:
    """The networks as they are defined. Keras is loaded when it is first needed.

    Args:
        precision: in which numbers the encoder and the search compute, as `choose_precision` has it.

    Raises:
        CaptionRuntimeError: the precision is int8, in which only OpenVINO computes; or the backend of Keras is not
            installed.
    """

    name = "keras"

    def __init__(self, precision: str | None = None) -> None:
        self._precision = choose_precision(precision)
        if self._precision == INT8:
            raise CaptionRuntimeError(f"runtime keras: computes in {F32} or {BF16}; for {INT8}, --runtime openvino")
        require_keras("runtime keras", error=CaptionRuntimeError)

    def encoder(self, weights: Path | None = None) -> PhotoEncoder:
        """See `Runtime.encoder`."""
        _set_precision(self._precision)
        from polycap.features.encoder import Encoder

        return Encoder.load(weights)

    def reduction(self, pca: FeaturePCA) -> Reduction:
        """See `Runtime.reduction`: NumPy computes it."""
        return pca

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """See `Runtime.search`."""
        _set_precision(self._precision)
        from polycap.decoder.search import Search

        return Search(pack.decoder, settings)


def _set_precision(precision: str) -> None:
    """TensorFlow reads it once, for the whole process."""
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
