"""OpenVINO computes: the same networks, traced once by Keras into graphs that polycap's cache keeps."""

import os
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.found import Found
from polycap.errors import CaptionRuntimeError
from polycap.features.identity import BLOCKS, CELLS, CHANNELS, SIZE, EncoderIdentity
from polycap.features.pca import FeaturePCA
from polycap.features.protocol import PhotoEncoder
from polycap.language import DecodingSettings
from polycap.processor import has_fast_bfloat16
from polycap.runtime.base import CaptionSearch, Reduction
from polycap.runtime.encoder_graphs import EncoderGraphs
from polycap.runtime.graphs import Graph, find_graph
from polycap.runtime.precision import AUTO, BF16, F32, INT8, choose_precision
from polycap.telemetry import import_openvino

if TYPE_CHECKING:
    from polycap.decoder.pack import Pack

__all__ = ["OpenVINORuntime", "require_openvino"]


class OpenVINORuntime:
    """Graphs in OpenVINO's format, on the CPU. TensorFlow is not needed, and Keras only to make a new graph.

    Args:
        precision: in which numbers the encoder computes, as `choose_precision` has it. The search computes in f32: in
            bf16 one caption in twelve became another one. In int8, where one in four does, it is as fast as it can be.
    """

    name = "openvino"

    def __init__(self, precision: str | None = None) -> None:
        self._precision = choose_precision(precision)

    def encoder(self, weights: Path | None = None) -> PhotoEncoder:
        """See `Runtime.encoder`."""
        require_openvino()
        graphs = EncoderGraphs.of(weights)
        computed = self._computed()
        if self._precision == INT8:
            return ExportedEncoder(graphs.identity, INT8, graphs.int8(), computed)
        return ExportedEncoder(graphs.identity, computed, graphs.traced(), computed)

    def reduction(self, pca: FeaturePCA) -> Reduction:
        """See `Runtime.reduction`."""
        require_openvino()
        return ExportedPCA(pca, self._computed())

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """See `Runtime.search`."""
        require_openvino()
        decoding = settings.model_dump(mode="json")
        files = {name: entry.sha256 for name, entry in pack.card.files.items()}
        subject = {"decoder": pack.card.decoder.model_dump(mode="json"), "files": files, "decoding": decoding}
        graph = Graph("search", subject, {"pack": str(pack.folder.absolute()), "decoding": decoding})
        precision = self._computed() if self._precision == INT8 else F32
        return ExportedSearch(_compile(find_graph(graph), precision, "THROUGHPUT"))

    def _computed(self) -> str:
        """The precision of what is not quantised: in int8 that is computed as without it."""
        return _precision(AUTO if self._precision == INT8 else self._precision)


class ExportedEncoder:
    """See `PhotoEncoder`.

    Args:
        model: the encoder's graph.
        computed: the precision of what `model` leaves open, f32 or bf16.
    """

    size = SIZE
    cells = CELLS
    blocks = BLOCKS

    def __init__(self, identity: EncoderIdentity, precision: str, model: Path, computed: str) -> None:
        self.identity, self.precision = identity, precision
        self._model, self._computed = model, computed
        self._one = _compile(model, computed)

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        """See `PhotoEncoder.grid`. All cores take one photo together; of several, each takes its own."""
        if len(photos) == 1:
            return np.array(self._one(np.ascontiguousarray(photos))[0], dtype=np.float16)
        grid = np.empty((len(photos), CELLS, CHANNELS), dtype=np.float16)
        self._several(photos, grid)
        return grid

    @cached_property
    def _several(self) -> "_EachPhoto":
        """A photo per request: a fifth less time than a whole batch in one, whose layers outgrow a core's cache."""
        return _EachPhoto(_compile(self._model, self._computed, "THROUGHPUT"))


class ExportedPCA:
    """See `Runtime.reduction`. NumPy took twice the time: it splits each product between cores that are busy."""

    def __init__(self, pca: FeaturePCA, computed: str) -> None:
        """Computed: in f32 or bf16."""
        self._pca, self._computed = pca, computed

    def __call__(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """See `Reduction`."""
        reduced = np.empty((*grid.shape[:2], self._pca.components), dtype=np.float32)
        self._each(grid[..., : self._pca.channels].astype(np.float16, copy=False), reduced)
        return reduced

    @cached_property
    def _each(self) -> "_EachPhoto":
        """Made when it is first needed: of several languages that share a PCA, one computes it."""
        options = {"INFERENCE_PRECISION_HINT": self._computed, "PERFORMANCE_HINT": "THROUGHPUT"}
        return _EachPhoto(_core().compile_model(self._graph(), "CPU", options))

    def _graph(self) -> Any:
        openvino = import_openvino()
        opset = openvino.opset13
        grid = opset.parameter([1, -1, self._pca.channels], np.float16)
        kinds = [channels for channels, _ in self._pca.blocks]
        parts = opset.variadic_split(opset.convert(grid, "f32"), 2, kinds).outputs()
        reduced = [
            opset.matmul(part, opset.constant(self._pca.basis[place]), False, False)
            for part, place in zip(parts, self._pca.places, strict=True)
        ]
        centred = opset.subtract(opset.concat(reduced, 2), opset.constant(self._pca.offset))
        return openvino.Model([opset.result(centred)], [grid])


class _EachPhoto:
    """A network that takes one photo per request: each core has its own."""

    def __init__(self, network: Any) -> None:
        """Network: the compiled graph, of several streams, an input and an output."""
        openvino = import_openvino()
        self._requests = openvino.AsyncInferQueue(network)

    def __call__(self, photos: NDArray[Any], found: NDArray[Any]) -> None:
        """Of each photo, `(photos, …)`, write what is found, `(photos, …)`."""
        self._requests.set_callback(lambda request, row: np.copyto(found[row], request.get_output_tensor(0).data[0]))
        for row in range(len(photos)):
            self._requests.start_async({0: np.ascontiguousarray(photos[row : row + 1])}, row)
        self._requests.wait_all()


class ExportedSearch:
    """See `CaptionSearch`. Each core, or a few of them, searches for the captions of its own share of a batch.

    Cores that share each step wait for one another at each of its products, the more so while the encoder computes.
    """

    def __init__(self, network: Any) -> None:
        """Network: the compiled graph, of several streams."""
        openvino = import_openvino()
        self._several = openvino.AsyncInferQueue(network)

    def find(self, features: NDArray[Any]) -> Found:
        """See `CaptionSearch.find`."""
        shares = np.array_split(features, max(1, min(len(features), len(self._several))))
        found: dict[int, list[NDArray[Any]]] = {}

        def keep(request: Any, number: int) -> None:
            found[number] = [request.get_output_tensor(index).data.copy() for index in range(3)]

        self._several.set_callback(keep)
        for number, share in enumerate(shares):
            self._several.start_async({0: np.ascontiguousarray(share, dtype=np.float32)}, number)
        self._several.wait_all()
        parts = [found[number] for number in range(len(shares))]
        return Found(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def require_openvino() -> None:
    """Go on only where OpenVINO is installed.

    Raises:
        CaptionRuntimeError: it is not.
    """
    try:
        import_openvino()
    except ImportError as error:
        raise CaptionRuntimeError(
            f'runtime openvino: OpenVINO is not to be had ({error}); pip install "polycap[fast]", or --runtime keras'
        ) from error


@cache
def _core() -> Any:
    """OpenVINO, once for the process: of several that end, one may leave the thread a signal stack that is gone.

    Ctrl-C then crashes it: the CPU plugin gives the thread a stack for signals, unmaps it when it ends, and puts back
    the one it found, which may be another Core's that has ended (2026.4).
    """
    return import_openvino().Core()


def _precision(wanted: str) -> str:
    """What the CPU can do of what is wanted, and the faster where it is left open."""
    has = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if wanted == BF16 and not has:
        raise CaptionRuntimeError(f"runtime openvino: this CPU has no {BF16}; give --precision {F32}, or none")
    return BF16 if wanted == BF16 or (wanted == AUTO and has and has_fast_bfloat16()) else F32


def _compile(model: Path, precision: str, hint: str = "LATENCY") -> Any:
    """A graph, ready to be called; OpenVINO keeps what it compiles beside it, for later processes."""
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": hint}
    if os.access(model.parent, os.W_OK):
        options["CACHE_DIR"] = str(model.parent / "compiled")
    try:
        return _core().compile_model(model, "CPU", options)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        message = f"runtime openvino: {model} can't be compiled ({reason}); delete {model.parent}"
        raise CaptionRuntimeError(message) from error
