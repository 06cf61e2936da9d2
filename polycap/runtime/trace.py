"""Trace a network into a graph in OpenVINO's format.

Keras' OpenVINO backend traces the definitions that training uses: the operations of `keras.ops` become nodes of a
graph. This module runs in a child process, which `polycap.runtime.graphs` starts with KERAS_BACKEND=openvino.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.encoder.artefact import open_encoder
from polycap.encoder.weight_files import Tensors, read_weights
from polycap.errors import PolycapError
from polycap.language.settings import DecodingSettings
from polycap.pack.pack import Pack, load_pack

__all__ = ["main", "run"]


@dataclass(frozen=True)
class _Traced:
    """A function of one tensor, or of a list of them, and the shape and dtype of each."""

    function: Callable[[Any], Any]
    inputs: Sequence[tuple[tuple[int | None, ...], str]]


def run(job: dict[str, Any]) -> None:
    """Run `main`; on a PolycapError print its message and exit with status 2."""
    try:
        main(job)
    except PolycapError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def main(job: dict[str, Any]) -> None:
    """Trace what `job["kind"]` says and write it to `job["out"]`."""
    kinds = {"encoder": _encoder, "middle_flow": _middle_flow, "search": _search, "attention": _attention}
    _export(kinds[job["kind"]](job), job["out"])


def _encoder(job: dict[str, Any]) -> _Traced:
    tensors = open_encoder(Path(job["encoder"]), finished=False).tensors
    from polycap.encoder.network import cells_of

    return _xception(tensors, cells_of)


def _middle_flow(job: dict[str, Any]) -> _Traced:
    tensors = read_weights(Path(job["weights"]))
    from polycap.encoder.network import middle_flow_of

    return _xception(tensors, middle_flow_of)


def _xception(tensors: Tensors, compute: Callable[[Any, Any], Any]) -> _Traced:
    from polycap.machine.backend import keras

    keras.config.set_image_data_format("channels_first")  # OpenVINO's layout; with another, each layer is transposed
    from polycap.encoder.identity import SIZE
    from polycap.encoder.network import build_xception

    network = build_xception()
    network.set_weights(tensors)
    return _Traced(lambda photos: compute(network, photos), [((None, SIZE, SIZE, 3), "uint8")])


def _search(job: dict[str, Any]) -> _Traced:
    from polycap.decoder.search import Search

    pack = _pack(job)
    search = Search(pack.decoder, DecodingSettings.model_validate(job["decoding"]))
    settings = pack.decoder.settings
    return _Traced(search, [((None, settings.cells, settings.channels), "float32")])


def _attention(job: dict[str, Any]) -> _Traced:
    """Teacher forcing step by step, as search computes it: packed sequences have sizes that a graph can't have."""
    from polycap.machine.backend import keras

    decoder = _pack(job).decoder
    settings, length = decoder.settings, job["length"]

    def weigh(inputs: Any) -> Any:
        features, token_ids = inputs
        memory, state = decoder.prepare(features)
        weights = []
        for position in range(length):
            state = decoder.advance(decoder.embed(token_ids[:, position : position + 1]), state, memory)
            weights.append(decoder.cell_weights(state[0], memory))  # (photos, 1, cells)
        return keras.ops.concatenate(weights, axis=1)

    return _Traced(weigh, [((None, settings.cells, settings.channels), "float32"), ((None, length), "int32")])


def _pack(job: dict[str, Any]) -> Pack:
    return load_pack(Path(job["pack"]), open_encoder(Path(job["encoder"])))


def _export(traced: _Traced, out: str) -> None:
    """Write the graph of a function, whose axes of size None are of any size."""
    from polycap.machine.backend import keras

    class Network(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return traced.function(inputs)

    signature = [keras.InputSpec(shape=shape, dtype=dtype) for shape, dtype in traced.inputs]
    Network().export(out, format="openvino", verbose=False, input_signature=signature)
