"""Trace a network into a graph in OpenVINO's format.

Keras' OpenVINO backend does it, from the definitions that training uses: what `keras.ops` would compute becomes nodes
of a graph. It runs in a process of its own, which `polycap.runtime.graphs` starts with KERAS_BACKEND=openvino.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polycap.errors import PolycapError
from polycap.language.settings import DecodingSettings
from polycap.machine.telemetry import import_openvino

__all__ = ["main", "run"]


def run(job: dict[str, Any]) -> None:
    """Do `main`; polycap's own errors become one line and status 2."""
    try:
        main(job)
    except PolycapError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def main(job: dict[str, Any]) -> None:
    """Trace what `job["kind"]` says and write it to `job["out"]`."""
    openvino = import_openvino()
    kinds = {"encoder": _encoder, "search": _search, "attention": _attention}
    openvino.save_model(kinds[job["kind"]](job), job["out"], compress_to_fp16=False)


def _encoder(job: dict[str, Any]) -> Any:
    from polycap.encoder.weight_files import read_weights
    from polycap.machine.backend import keras

    keras.config.set_image_data_format("channels_first")  # OpenVINO's own: else each layer would be transposed
    from polycap.encoder.identity import SIZE
    from polycap.encoder.network import build_xception, cells_of

    tensors = read_weights(Path(job["weights"]))
    network = build_xception()
    network.set_weights(tensors)
    return _graph(lambda photos: [cells_of(network, photos)], ([-1, SIZE, SIZE, 3], "uint8"))


def _search(job: dict[str, Any]) -> Any:
    from polycap.decoder.search import Search
    from polycap.pack.pack import load_pack

    pack = load_pack(Path(job["pack"]))
    search = Search(pack.decoder, DecodingSettings.model_validate(job["decoding"]))
    settings = pack.decoder.settings
    return _graph(search, ([-1, settings.cells, settings.channels], "float32"))


def _attention(job: dict[str, Any]) -> Any:
    """Teacher forcing step by step, as search computes it: packed sequences have sizes that a graph can't have."""
    from polycap.machine.backend import keras
    from polycap.pack.pack import load_pack

    decoder = load_pack(Path(job["pack"])).decoder
    settings, length = decoder.settings, job["length"]

    def weigh(inputs: Any) -> Any:
        features, token_ids = inputs
        memory, state = decoder.prepare(features)
        weights = []
        for position in range(length):
            state = decoder.advance(decoder.embed(token_ids[:, position : position + 1]), state, memory)
            weights.append(decoder.cell_weights(state[0], memory))  # (photos, 1, cells)
        return [keras.ops.concatenate(weights, axis=1)]

    return _graph(weigh, ([-1, settings.cells, settings.channels], "float32"), ([-1, length], "int32"))


def _graph(network: Callable[[Any], Any], *inputs: tuple[list[int], str]) -> Any:
    """Trace a function of one tensor, or of a list of them, by Keras' own export.

    Args:
        inputs: shape and dtype of each; axes of size -1 are of any size.
    """
    from polycap.machine.backend import keras

    class Traced(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return network(inputs)

    signature = [
        keras.InputSpec(shape=[None if size == -1 else size for size in shape], dtype=dtype) for shape, dtype in inputs
    ]
    core = import_openvino().Core()
    core.set_property({"ENABLE_MMAP": False})  # Windows removes no file that is mapped
    with tempfile.TemporaryDirectory(prefix="polycap-") as folder:
        path = Path(folder) / "traced.xml"
        Traced().export(str(path), format="openvino", verbose=False, input_signature=signature)
        return core.read_model(path)
