"""OpenVINO runtime: the same networks, traced once by Keras into graphs in polycap's cache."""

import contextlib
import os
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.rerank import rerank
from polycap.decoder.results import SearchResult
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import (
    BLOCKS,
    CELLS,
    MIDDLE_CELLS,
    MIDDLE_CHANNELS,
    SIZE,
)
from polycap.encoder.pca import FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import CaptionRuntimeError, reason_of
from polycap.language.settings import DecodingSettings
from polycap.machine.extras import missing_package
from polycap.machine.fork import keep_in_forks, require_same_process
from polycap.machine.processor import affinity_count, core_count, has_fast_bfloat16
from polycap.machine.telemetry import import_openvino
from polycap.runtime.encoder_graphs import EncoderGraphs, middle_flow_graph
from polycap.runtime.graphs import Graph, find_graph
from polycap.runtime.pool import RequestPool
from polycap.runtime.precision import AUTO, BF16, F32, INT8, choose_precision
from polycap.runtime.protocol import CaptionSearch, CellWeights, Reduction
from polycap.runtime.search_graphs import SearchGraphs

if TYPE_CHECKING:
    from polycap.pack.pack import Pack

__all__ = ["OpenVINORuntime", "require_openvino", "thread_settings"]


_loading = threading.Lock()

TRACED_LENGTH = 32
"""Tokens of a caption in the graph of its attention, or a multiple: its steps are written out."""


class OpenVINORuntime:
    """Runtime that computes graphs with OpenVINO on the CPU, without TensorFlow. Only a new graph needs Keras.

    Args:
        precision: precision of the encoder, as for `choose_precision`. The search computes in f32, since in bf16 one
            caption in twelve changed. With int8, where one in four changes, the search takes the fastest precision.
    """

    name = "openvino"

    def __init__(self, precision: str | None = None) -> None:
        self._precision = choose_precision(precision)
        self._shared: dict[Path, RequestPool] = {}

    def encoder(self, artefact: EncoderArtefact) -> PhotoEncoder:
        """See `Runtime.encoder`."""
        require_openvino()
        graphs, computed = EncoderGraphs(artefact), self._computed()
        if self._precision == INT8:
            return ExportedEncoder(artefact.features, INT8, graphs.int8(), computed, artefact)
        return ExportedEncoder(artefact.features, computed, graphs.traced(), computed, artefact)

    def middle_flow(self, weights: Path | None = None) -> PhotoEncoder:
        """See `Runtime.middle_flow`."""
        require_openvino()
        identity, graph = middle_flow_graph(weights)
        computed = self._computed()
        return ExportedMiddleFlow(identity, computed, graph, computed)

    def reduction(self, pca: FeaturePCA) -> Reduction:
        """See `Runtime.reduction`."""
        require_openvino()
        return ExportedPCA(pca, self._computed())

    def attention(self, pack: "Pack") -> CellWeights:
        """See `Runtime.attention`. Computes in f32."""
        require_openvino()
        return ExportedAttention(pack)

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """See `Runtime.search`."""
        require_openvino()
        precision = self._computed() if self._precision == INT8 else F32
        graphs = SearchGraphs(pack, settings, _core)
        return ExportedSearch(self._photo_layers(graphs, precision), graphs, precision, settings)

    def _photo_layers(self, graphs: SearchGraphs, precision: str) -> RequestPool | None:
        """Return the photo layers, which all languages of an encoder share; None of a decoder that has none."""
        if graphs.photo_layers is None:
            return None
        model = find_graph(graphs.photo_layers)
        with _loading:
            return self._shared.setdefault(model, RequestPool(lambda: _compile(model, precision, "THROUGHPUT")))

    def _computed(self) -> str:
        """Return the precision of the parts that are not quantised; with int8 it is that of auto."""
        return _precision(AUTO if self._precision == INT8 else self._precision)


class ExportedEncoder:
    """Encoder of an exported graph, see `PhotoEncoder`. Any number of threads may call it.

    Args:
        identity: identity of the encoder's cells.
        precision: f32, bf16 or int8.
        model: file of the encoder's graph.
        computed: precision of the parts that are not quantised, f32 or bf16.
        artefact: artefact of the encoder. (default: none)
    """

    size = SIZE
    cells = CELLS
    blocks: tuple[int, ...] = BLOCKS

    def __init__(
        self, identity: str, precision: str, model: Path, computed: str, artefact: EncoderArtefact | None = None
    ) -> None:
        self.identity, self.precision, self.artefact = identity, precision, artefact
        # One photo per request took a fifth less time than a batch per request, whose layers exceed a core's cache.
        self._several = RequestPool(lambda: _compile(model, computed, "THROUGHPUT"))
        self._one = RequestPool(lambda: _compile(model, computed, "LATENCY"))
        self._one.open()

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        """See `PhotoEncoder.grid`. All cores compute a single photo together; each core computes one of several."""
        pool = self._one if len(photos) == 1 else self._several
        return _each_photo(pool, photos, np.empty((len(photos), self.cells, sum(self.blocks)), dtype=np.float16))


class ExportedMiddleFlow(ExportedEncoder):
    """Middle flow of an exported graph, see `Runtime.middle_flow`."""

    cells = MIDDLE_CELLS
    blocks: tuple[int, ...] = (MIDDLE_CHANNELS,)


class ExportedPCA:
    """PCA as an OpenVINO graph, see `Reduction`.

    NumPy took twice the time: it splits each product between cores that are busy.

    Args:
        pca: PCA to compute.
        computed: precision, f32 or bf16.
    """

    def __init__(self, pca: FeaturePCA, computed: str) -> None:
        self._pca = pca
        options = {"INFERENCE_PRECISION_HINT": computed, "PERFORMANCE_HINT": "THROUGHPUT"}
        # Compiled on first use: of several languages that share a PCA, only one computes it.
        self._pool = RequestPool(lambda: _core().compile_model(self._graph(), "CPU", options))

    def __call__(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """See `Reduction`."""
        cells = grid[..., : self._pca.channels].astype(np.float16, copy=False)
        return _each_photo(self._pool, cells, np.empty((*grid.shape[:2], self._pca.components), dtype=np.float32))

    def _graph(self) -> Any:
        openvino = import_openvino()
        opset = openvino.opset13
        grid = opset.parameter([1, -1, self._pca.channels], np.float16)
        kinds = [channels for channels, _ in self._pca.blocks]
        parts = opset.variadic_split(opset.convert(grid, "f32"), 2, kinds).outputs()
        reduced = [
            opset.matmul(part, opset.constant(self._pca.basis[block]), False, False)
            for part, block in zip(parts, self._pca.places, strict=True)
        ]
        centred = opset.subtract(opset.concat(reduced, 2), opset.constant(self._pca.offset))
        return openvino.Model([opset.result(centred)], [grid])


class ExportedSearch:
    """Search of exported graphs, see `CaptionSearch`. A batch is split between infer requests of one or a few cores.

    If all cores shared each step, they would wait for one another at each matrix product, the more so while the encoder
    computes.
    """

    def __init__(
        self, photo_layers: RequestPool | None, graphs: SearchGraphs, precision: str, settings: DecodingSettings
    ) -> None:
        self._photo_layers, self._settings = photo_layers, settings
        self._pool = RequestPool(lambda: _compile_search(graphs, precision))
        self._requests = self._pool.open()

    def find(self, features: NDArray[Any]) -> SearchResult:
        """See `CaptionSearch.find`."""
        inputs = self._read(features.astype(np.float32, copy=False))
        count = max(1, min(len(features), self._requests))
        shares = zip(*(np.array_split(array, count) for array in inputs), strict=True)
        parts = [[array.copy() for array in arrays] for arrays in self._pool.run(shares)]
        found = SearchResult(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        return rerank(found, self._settings)

    def _read(self, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return what the search reads of each photo: the output of the photo layers, or the features."""
        if self._photo_layers is None:
            return [features]
        photos = self._photo_layers.run(features[row : row + 1] for row in range(len(features)))
        values = [[value.copy() for value in of_photo] for of_photo in photos]
        return [np.concatenate(each) for each in zip(*values, strict=True)]


class ExportedAttention:
    """See `CellWeights`. A graph for each 32 tokens of length, traced when it is first needed."""

    def __init__(self, pack: "Pack") -> None:
        self._pack, self._lock = pack, threading.Lock()
        self._pools: dict[int, RequestPool] = {}

    def __call__(self, features: NDArray[np.float32], token_ids: NDArray[np.int32]) -> NDArray[np.float32] | None:
        """See `CellWeights`."""
        if not self._pack.card.decoder.attends:
            return None
        length = token_ids.shape[1]
        traced = -(-length // TRACED_LENGTH) * TRACED_LENGTH
        padded = np.pad(token_ids.astype(np.int32), ((0, 0), (0, traced - length)), constant_values=0)  # <pad>
        photos = [(features[row : row + 1], padded[row : row + 1]) for row in range(len(features))]
        return np.stack([weights[0, :length].copy() for (weights,) in self._pool(traced).run(photos)])

    def _pool(self, length: int) -> RequestPool:
        with self._lock:
            if length not in self._pools:
                graph = find_graph(_decoder_graph("attention", self._pack, {"length": length}))
                self._pools[length] = RequestPool(lambda: _compile(graph, F32, "LATENCY"))
            return self._pools[length]


def _decoder_graph(kind: str, pack: "Pack", settings: dict[str, Any]) -> Graph:
    """Return the graph of a pack's decoder.

    Its key has the decoder's settings, the hashes of the pack's files, and the encoder's identity, which stands for the
    photo layers.
    """
    files = {name: entry.sha256 for name, entry in pack.card.files.items()}
    subject = {"decoder": pack.card.decoder.model_dump(mode="json"), "files": files, "encoder": pack.encoder.identity}
    source = {"pack": str(pack.folder.absolute()), "encoder": str(pack.encoder.folder)}
    return Graph(kind, pack.encoder.features, subject | settings, source | settings)


def _each_photo(pool: RequestPool, photos: NDArray[Any], outputs: NDArray[Any]) -> NDArray[Any]:
    """Compute each of `photos`, `(photos, …)`, in one request; fill `outputs`, `(photos, …)`, and return it."""
    for row, (output,) in enumerate(pool.run(photos[row : row + 1] for row in range(len(photos)))):
        outputs[row] = output[0]
    return outputs


def require_openvino() -> None:
    """Check that OpenVINO is installed.

    Raises:
        CaptionRuntimeError: it is not installed.
    """
    try:
        import_openvino()
    except ImportError as error:
        raise CaptionRuntimeError(
            f"{missing_package('runtime openvino', 'OpenVINO', 'fast', f'not available ({error})')}, "
            "or choose `runtime` keras"
        ) from error


def _core() -> Any:
    """Return the one OpenVINO Core of the process.

    With several Cores, Ctrl-C may crash the process (OpenVINO 2026.4): a Core's CPU plugin gives the thread a signal
    stack, and at its end unmaps it and restores the previous one, which may be that of a Core that has ended.
    """
    require_same_process()
    with _loading:
        return _load_core()


@cache
def _load_core() -> Any:
    openvino = import_openvino()
    # Use an array once in this thread: the Python binding looks up NumPy's interface at its first array, and two
    # threads that do so at the same time deadlock (OpenVINO 2026.4).
    _ = openvino.Tensor(np.zeros(1, dtype=np.float32)).data
    core = openvino.Core()
    core.set_property("CPU", thread_settings())
    return keep_in_forks(core)


def thread_settings() -> dict[str, Any]:
    """Return OpenVINO's settings of threads.

    They are not pinned to cores: by default OpenVINO pins those of each process to the same ones, the first. It goes by
    the process' affinity, and does not know a control group's quota: threads beyond it would wait for its next period.
    """
    cores = core_count()
    limit = {"INFERENCE_NUM_THREADS": cores} if cores < affinity_count() else {}
    return {"ENABLE_CPU_PINNING": False, **limit}


def _precision(requested: str) -> str:
    """Return f32 or bf16: the requested precision if the CPU has it; for auto, the faster of both."""
    has_bfloat16 = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if requested == BF16 and not has_bfloat16:
        raise CaptionRuntimeError(f"runtime openvino: this CPU has no {BF16}; give `precision` {F32}, or none")
    return BF16 if requested == BF16 or (requested == AUTO and has_bfloat16 and has_fast_bfloat16()) else F32


_OUT_OF_MEMORY = ("bad_alloc", "allocate memory", "out of memory", "not enough memory")
"""Words of a failure that is no fault of a graph."""


def _compile_search(graphs: SearchGraphs, precision: str) -> Any:
    """Compile a language's search. Once OpenVINO has cached it, with its weights, those of the graph are deleted."""
    model = graphs.find()
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
    if os.access(model.parent, os.W_OK):
        for _ in range(2):
            # It fails without weights, for another precision than before; or on file systems without chmod, see below.
            with contextlib.suppress(RuntimeError):
                compiled = _core().compile_model(model, "CPU", options | {"CACHE_DIR": str(model.parent / "compiled")})
                graphs.drop_weights(model)
                return compiled
            if not graphs.restore_weights(model):
                break
    try:
        return _core().compile_model(graphs.fill(), "CPU", options)
    except RuntimeError as error:
        raise _not_compiled("the search", model, error) from error


def _compile(model: Path, precision: str, hint: str) -> Any:
    """Compile a graph. OpenVINO caches the compiled graph beside it, for later processes."""
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": hint}
    if os.access(model.parent, os.W_OK):
        # On file systems without chmod, OpenVINO fails after it has written the cache (2026.4).
        with contextlib.suppress(RuntimeError):
            return _core().compile_model(model, "CPU", options | {"CACHE_DIR": str(model.parent / "compiled")})
    try:
        return _core().compile_model(model, "CPU", options)
    except RuntimeError as error:
        raise _not_compiled(str(model), model, error) from error


def _not_compiled(what: str, model: Path, error: RuntimeError) -> CaptionRuntimeError:
    """Return the error of a graph that can't be compiled, with its fix."""
    reason = reason_of(error)
    is_memory = any(words in reason for words in _OUT_OF_MEMORY)
    fix = "not enough memory: close other programs, or raise the limit" if is_memory else f"delete {model.parent}"
    return CaptionRuntimeError(f"runtime openvino: {what} can't be compiled ({reason}); {fix}")
