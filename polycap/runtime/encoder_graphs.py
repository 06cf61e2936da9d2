"""The encoder's graphs: the traced one, which is made when it is first needed, and the int8 one, which needs photos.

::

    CACHE/int8/KEY/          model.xml and model.bin, in OpenVINO's format; in it, how many photos made it
                             compiled/     what OpenVINO made of them for this CPU

The key holds the encoder's identity and the recipe, neither polycap's code nor any version: what was made from the
user's photos stays good when polycap or OpenVINO are updated, and isn't removed when it is long unused.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.errors import CaptionRuntimeError, PolycapError
from polycap.features.identity import EncoderIdentity, weights_identity
from polycap.features.weights import stored_weights
from polycap.files import cache_folder, cache_place, digest, find_cached
from polycap.hashes import HashCache
from polycap.runtime.graphs import MODEL, Graph, find_graph

__all__ = ["RECIPE", "EncoderGraphs"]

_HASHES = "hashes.json"
RECIPE: dict[str, Any] = {"preset": "mixed", "whole": ["GroupConvolution", "MatMul"], "whole_ends": 2}
"""How the encoder is quantised, as `polycap.runtime.quantize` reads it; another recipe makes another graph.

Xception's convolutions by channel stay whole, and so do the first two and the last two of the others: on 200 dev photos
of Flickr8k, cells of cosine 0.992 instead of 0.983 for all in int8. The product of matrices is the colours'."""


@dataclass(frozen=True)
class EncoderGraphs:
    """The graphs of the encoder with one file's weights.

    Attributes:
        weights: the file.
        identity: the encoder's, as `PhotoEncoder` has it.
    """

    weights: Path
    identity: EncoderIdentity

    @classmethod
    def of(cls, weights: Path | None = None) -> "EncoderGraphs":
        """Those with weights from `weights`, or from the first source that `find_weights` finds.

        Raises:
            EncoderError: no usable weights.
        """
        path = stored_weights(weights)
        hashes = HashCache(find_cached(_HASHES) or cache_place() / _HASHES)
        identity = weights_identity(path, hashes.get)
        with contextlib.suppress(PolycapError, OSError):  # a cache that is not ours to write
            hashes.save()
        return cls(path, identity)

    def traced(self) -> Path:
        """The graph in whole float32.

        Raises:
            EncoderError: the weights are broken.
            CaptionRuntimeError: it can't be traced.
        """
        return find_graph(
            Graph("encoder", {"identity": self.identity.whole}, {"weights": str(self.weights.absolute())})
        )

    @property
    def int8_folder(self) -> Path:
        """Where the int8 graph is, or goes."""
        return cache_folder() / "int8" / digest([self.identity.whole, RECIPE])

    def int8(self) -> Path:
        """The int8 graph.

        Raises:
            CaptionRuntimeError: it is not there; it is not made unasked, since that takes photos.
        """
        path = self.int8_folder / MODEL
        if not path.is_file():
            raise CaptionRuntimeError(
                f"precision int8: no int8 encoder in {self.int8_folder.parent} for these weights; make it, once, with "
                "`polycap quantize PHOTOS`, some hundred photos like those to be captioned"
            )
        return path
