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

from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import middle_flow_identity
from polycap.encoder.weight_files import read_weights, tensors_hash
from polycap.encoder.weights import stored_weights
from polycap.errors import CaptionRuntimeError, PolycapError
from polycap.files import cache_folder, cache_place, digest, find_cached
from polycap.files.hashes import HashCache
from polycap.runtime.graphs import GRAPH_FILE, Graph, find_graph

__all__ = ["RECIPE", "EncoderGraphs", "middle_flow_graph"]

_HASHES = "hashes.json"
RECIPE: dict[str, Any] = {"preset": "mixed", "whole": ["GroupConvolution", "MatMul"], "whole_ends": 2}
"""Recipe of the encoder's quantisation, for `polycap.runtime.quantize`. Another recipe makes another graph.

Xception's depthwise convolutions stay in floating point, and so do the first two and the last two other convolutions:
on 200 dev photos of Flickr8k, the cosine of cells to float32 was 0.992, and 0.983 with all of them in int8. The matrix
product computes the colours."""


@dataclass(frozen=True)
class EncoderGraphs:
    """Graphs of an encoder.

    Attributes:
        artefact: artefact of the encoder.
    """

    artefact: EncoderArtefact

    def traced(self) -> Path:
        """Return the path of the float32 graph; trace it if it does not exist.

        Raises:
            EncoderError: the artefact is broken.
            CaptionRuntimeError: it can't be traced.
        """
        return find_graph(Graph("encoder", self.artefact.features, {}, {"encoder": str(self.artefact.folder)}))

    @property
    def int8_folder(self) -> Path:
        """Folder of the int8 graph, which may not exist."""
        return cache_folder() / "int8" / digest([self.artefact.features, RECIPE])

    def int8(self) -> Path:
        """Return the path of the int8 graph.

        Raises:
            CaptionRuntimeError: it does not exist; `polycap quantize` makes it from photos.
        """
        path = self.int8_folder / GRAPH_FILE
        if not path.is_file():
            raise CaptionRuntimeError(
                f"precision int8: no int8 encoder in {self.int8_folder.parent} for encoder {self.artefact.features}; "
                "make it, once, with `polycap quantize PHOTOS`, some hundred photos like those to be captioned"
            )
        return path


def middle_flow_graph(weights: Path | None = None) -> tuple[str, Path]:
    """Return identity and graph of the middle flow of Xception; trace the graph if it does not exist.

    Args:
        weights: file of Xception's weights. (default: the first source of `find_weights`)

    Raises:
        EncoderError: no usable weights.
        CaptionRuntimeError: it can't be traced.
    """
    path = stored_weights(weights).absolute()
    hashes = HashCache(find_cached(_HASHES) or cache_place() / _HASHES)
    tensors = hashes.get(path, "tensors", lambda path: tensors_hash(read_weights(path)))
    with contextlib.suppress(PolycapError, OSError):  # the cache may be another user's
        hashes.save()
    identity = middle_flow_identity(tensors)
    return identity, find_graph(Graph("middle_flow", identity, {}, {"weights": str(path)}))
