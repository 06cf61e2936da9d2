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
from polycap.language import DecodingSettings
from polycap.telemetry import import_openvino

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
    kinds = {"encoder": _encoder, "search": _search}
    openvino.save_model(kinds[job["kind"]](job), job["out"], compress_to_fp16=False)


def _encoder(job: dict[str, Any]) -> Any:
    from polycap.backend import keras
    from polycap.features.weights import read_weights

    keras.config.set_image_data_format("channels_first")  # OpenVINO's own: else each layer would be transposed
    from polycap.features.architecture import build_xception, cells_of
    from polycap.features.identity import SIZE

    tensors = read_weights(Path(job["weights"]))
    network = build_xception()
    network.set_weights(tensors)
    return _graph(lambda photos: [cells_of(network, photos)], [-1, SIZE, SIZE, 3], "uint8")


def _search(job: dict[str, Any]) -> Any:
    from polycap.decoder.pack import load_pack
    from polycap.decoder.search import Search

    pack = load_pack(Path(job["pack"]))
    search = Search(pack.decoder, DecodingSettings.model_validate(job["decoding"]))
    settings = pack.decoder.settings
    return _graph(search, [-1, settings.cells, settings.channels], "float32")


def _graph(network: Callable[[Any], Any], shape: list[int], dtype: str) -> Any:
    """Trace a function of one tensor, whose axes of size -1 are of any size, by Keras' own export."""
    from polycap.backend import keras

    class Traced(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return network(inputs)

    signature = keras.InputSpec(shape=[None if size == -1 else size for size in shape], dtype=dtype)
    core = import_openvino().Core()
    core.set_property({"ENABLE_MMAP": False})  # Windows removes no file that is mapped
    with tempfile.TemporaryDirectory(prefix="polycap-") as folder:
        path = Path(folder) / "traced.xml"
        Traced().export(str(path), format="openvino", verbose=False, input_signature=[signature])
        return core.read_model(path)
