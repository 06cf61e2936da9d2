"""OpenVINO computes: the same networks, traced once by Keras into graphs that polycap's cache keeps."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.found import Found
from polycap.errors import CaptionRuntimeError, PolycapError
from polycap.features.identity import CELLS, CHANNELS, SIZE, weights_identity
from polycap.features.protocol import PhotoEncoder
from polycap.features.weights import stored_weights
from polycap.files import cache_folder
from polycap.hashes import HashCache
from polycap.language import DecodingSettings
from polycap.runtime.base import CaptionSearch
from polycap.runtime.graphs import Graph, find_graph

if TYPE_CHECKING:
    from polycap.decoder.pack import Pack

__all__ = ["OpenVINORuntime"]


class OpenVINORuntime:
    """Graphs in OpenVINO's format, on the CPU. TensorFlow is not needed, and Keras only to make a new graph."""

    def encoder(self, weights: Path | None = None) -> PhotoEncoder:
        """See `Runtime.encoder`."""
        _require_openvino()
        path = stored_weights(weights)
        hashes = HashCache(cache_folder() / "hashes.json")
        identity = weights_identity(path, hashes.get)
        with contextlib.suppress(PolycapError, OSError):  # a cache that is not ours to write
            hashes.save()
        graph = Graph("encoder", {"identity": identity}, {"weights": str(path.absolute())})
        return ExportedEncoder(identity, _compile(find_graph(graph), bfloat16=True))

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """See `Runtime.search`."""
        _require_openvino()
        decoding = settings.model_dump(mode="json")
        files = {name: entry.sha256 for name, entry in pack.card.files.items()}
        subject = {"decoder": pack.card.decoder.model_dump(mode="json"), "files": files, "decoding": decoding}
        graph = Graph("search", subject, {"pack": str(pack.folder.absolute()), "decoding": decoding})
        # whole float32: in bfloat16 one caption in twelve becomes another one
        return ExportedSearch(_compile(find_graph(graph), bfloat16=False))


class ExportedEncoder:
    """See `PhotoEncoder`."""

    size = SIZE
    cells = CELLS
    channels = CHANNELS

    def __init__(self, identity: str, network: Any) -> None:
        self.identity = identity
        self._network = network

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `PhotoEncoder.grid`."""
        return np.asarray(self._network(np.ascontiguousarray(photos))[0], dtype=np.float32)


class ExportedSearch:
    """See `CaptionSearch`."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def find(self, features: NDArray[Any]) -> Found:
        """See `CaptionSearch.find`."""
        found = self._network(np.ascontiguousarray(features, dtype=np.float32))
        return Found(found[0], found[1], found[2])


def _require_openvino() -> None:
    try:
        import openvino  # noqa: F401
    except ImportError as error:
        raise CaptionRuntimeError(
            f'runtime openvino: OpenVINO is not to be had ({error}); pip install "polycap[fast]", or --runtime keras'
        ) from error


def _compile(model: Path, *, bfloat16: bool) -> Any:
    """A graph, ready to be called; OpenVINO keeps what it compiles beside it, for later processes."""
    import openvino

    core = openvino.Core()
    wanted = bfloat16 and os.environ.get("ONEDNN_DEFAULT_FPMATH_MODE") != "STRICT"  # as `polycap.backend` has it
    precision = "bf16" if wanted and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    options = {"INFERENCE_PRECISION_HINT": precision}
    if os.access(model.parent, os.W_OK):
        options["CACHE_DIR"] = str(model.parent / "compiled")
    try:
        return core.compile_model(model, "CPU", options)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        message = f"runtime openvino: {model} can't be compiled ({reason}); delete {model.parent}"
        raise CaptionRuntimeError(message) from error
