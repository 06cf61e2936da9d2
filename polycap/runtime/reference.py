"""Keras computes: the reference, and what training uses."""

from pathlib import Path
from typing import TYPE_CHECKING

from polycap.features.protocol import PhotoEncoder
from polycap.language import DecodingSettings
from polycap.runtime.base import CaptionSearch

if TYPE_CHECKING:
    from polycap.decoder.pack import Pack

__all__ = ["KerasRuntime"]


class KerasRuntime:
    """The networks as they are defined. Keras is loaded when it is first needed."""

    def encoder(self, weights: Path | None = None) -> PhotoEncoder:
        """See `Runtime.encoder`."""
        from polycap.features.encoder import Encoder

        return Encoder.load(weights)

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """See `Runtime.search`."""
        from polycap.decoder.search import Search

        return Search(pack.decoder, settings)
