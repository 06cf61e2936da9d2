"""Trace a network into a graph in OpenVINO's format.

Keras' OpenVINO backend traces the definitions that training uses: the operations of `keras.ops` become nodes of a
graph. This module runs in a child process, which `polycap.runtime.graphs` starts with KERAS_BACKEND=openvino.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from polycap.decoder.settings import DecoderSettings
from polycap.decoder.shapes import weight_shapes
from polycap.encoder.artefact import open_encoder
from polycap.encoder.weight_files import Tensors, read_weights
from polycap.errors import PolycapError
from polycap.language.settings import DecodingSettings
from polycap.pack.pack import Pack, load_pack
from polycap.runtime.fill import PREFIX

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
    kinds = {"encoder": _encoder, "middle_flow": _middle_flow, "photo_layers": _photo_layers}
    kinds |= {"search": _search, "attention": _attention}
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


def _photo_layers(job: dict[str, Any]) -> _Traced:
    from polycap.encoder.photo_layers import PhotoLayers
    from polycap.machine.backend import keras

    cells, channels, units = job["sizes"]
    layers = PhotoLayers(cells, units)
    layers(keras.ops.zeros((1, cells, channels)))  # makes the weights
    for name, value in open_encoder(Path(job["encoder"])).photo_layers.items():
        attrgetter(name.replace("/", "."))(layers).assign(value)
    return _Traced(layers, [((None, cells, channels), "float32")])


def _search(job: dict[str, Any]) -> _Traced:
    """The search of all languages with decoders of these sizes: `polycap.runtime.fill` replaces the named constants."""
    from polycap.decoder.kinds import build_decoder
    from polycap.decoder.search import Search
    from polycap.decoder.weights import assign_weights, named_weights
    from polycap.machine.backend import keras

    settings = DecoderSettings.model_validate(job["decoder"])
    decoder = build_decoder(settings)
    search = Search(decoder, DecodingSettings.model_validate(job["decoding"]))
    assign_weights(decoder, {name: np.zeros(shape) for name, shape in weight_shapes(settings).items()})  # constants
    for name, variable in named_weights(decoder).items():
        _name(variable.value, name)
    search.constants = {name: keras.ops.convert_to_tensor(value) for name, value in search.constants.items()}
    for name, value in search.constants.items():
        _name(value, name)
    if decoder.photo_layers is None:
        return _Traced(search, [((None, settings.cells, settings.channels), "float32")])
    sizes = ((settings.cells, settings.units), (1, 4 * settings.units), (1, settings.units))
    return _Traced(lambda values: search.search(*decoder.begin(values)), [((None, *size), "float32") for size in sizes])


def _name(tensor: Any, name: str) -> None:
    tensor.output.get_node().set_friendly_name(PREFIX + name)


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
