"""Graphs of the encoder: float32, traced on first use, and int8, which needs photos.

::

    CACHE/int8/KEY/          model.xml and model.bin, in OpenVINO's format, with the number of photos in model.xml
                             compiled/     OpenVINO's compiled graphs for this CPU

The key holds the encoder's identity and the recipe, but neither polycap's code nor a version. So an int8 graph made
from the user's photos stays valid when polycap or OpenVINO are updated. It is not removed when it is unused for long.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.encoder.identity import EncoderIdentity, weights_identity
from polycap.encoder.weights import stored_weights
from polycap.errors import CaptionRuntimeError, PolycapError
from polycap.files import cache_folder, cache_place, digest, find_cached
from polycap.files.hashes import HashCache
from polycap.runtime.graphs import GRAPH_FILE, Graph, find_graph

__all__ = ["RECIPE", "EncoderGraphs"]

_HASHES = "hashes.json"
RECIPE: dict[str, Any] = {"preset": "mixed", "whole": ["GroupConvolution", "MatMul"], "whole_ends": 2}
"""Recipe of the encoder's quantisation, for `polycap.runtime.quantize`. Another recipe makes another graph.

Xception's depthwise convolutions stay in floating point, and so do the first two and the last two other convolutions:
on 200 dev photos of Flickr8k, the cosine of cells to float32 was 0.992, and 0.983 with all of them in int8. The matrix
product computes the colours."""


@dataclass(frozen=True)
class EncoderGraphs:
    """Graphs of the encoder with the weights of one file.

    Attributes:
        weights: file of the encoder's weights.
        identity: identity of the encoder.
    """

    weights: Path
    identity: EncoderIdentity

    @classmethod
    def of(cls, weights: Path | None = None) -> "EncoderGraphs":
        """Return the graphs for the weights in `weights`, or in the first source of `find_weights`.

        Raises:
            EncoderError: no usable weights.
        """
        path = stored_weights(weights)
        hashes = HashCache(find_cached(_HASHES) or cache_place() / _HASHES)
        identity = weights_identity(path, hashes.get)
        with contextlib.suppress(PolycapError, OSError):  # the cache may be another user's
            hashes.save()
        return cls(path, identity)

    def traced(self, kind: str = "encoder") -> Path:
        """Return the path of a float32 graph; trace it if it does not exist.

        Args:
            kind: encoder, or middle_flow. (default: encoder)

        Raises:
            EncoderError: the weights are broken.
            CaptionRuntimeError: it can't be traced.
        """
        return find_graph(Graph(kind, {"identity": self.identity.full}, {"weights": str(self.weights.absolute())}))

    @property
    def int8_folder(self) -> Path:
        """Folder of the int8 graph, which may not exist."""
        return cache_folder() / "int8" / digest([self.identity.full, RECIPE])

    def int8(self) -> Path:
        """Return the path of the int8 graph.

        Raises:
            CaptionRuntimeError: it does not exist; `polycap quantize` makes it from photos.
        """
        path = self.int8_folder / GRAPH_FILE
        if not path.is_file():
            raise CaptionRuntimeError(
                f"precision int8: no int8 encoder in {self.int8_folder.parent} for these weights; make it, once, with "
                "`polycap quantize PHOTOS`, some hundred photos like those to be captioned"
            )
        return path
