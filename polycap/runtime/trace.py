"""Trace a network into a graph in OpenVINO's format.

Keras' OpenVINO backend traces the definitions that training uses: the operations of `keras.ops` become nodes of a
graph. This module runs in a child process, which `polycap.runtime.graphs` starts with KERAS_BACKEND=openvino.
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
    """Run `main`; on a PolycapError print its message and exit with status 2."""
    try:
        main(job)
    except PolycapError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def main(job: dict[str, Any]) -> None:
    """Trace the network of kind `job["kind"]` and write its graph to `job["out"]`."""
    openvino = import_openvino()
    kinds = {"encoder": _encoder, "search": _search}
    openvino.save_model(kinds[job["kind"]](job), job["out"], compress_to_fp16=False)


def _encoder(job: dict[str, Any]) -> Any:
    from polycap.encoder.weight_files import read_weights
    from polycap.machine.backend import keras

    keras.config.set_image_data_format("channels_first")  # OpenVINO's layout; with another, each layer is transposed
    from polycap.encoder.identity import SIZE
    from polycap.encoder.network import build_xception, cells_of

    tensors = read_weights(Path(job["weights"]))
    network = build_xception()
    network.set_weights(tensors)
    return _graph(lambda photos: [cells_of(network, photos)], [-1, SIZE, SIZE, 3], "uint8")


def _search(job: dict[str, Any]) -> Any:
    from polycap.decoder.search import Search
    from polycap.pack.pack import load_pack

    pack = load_pack(Path(job["pack"]))
    search = Search(pack.decoder, DecodingSettings.model_validate(job["decoding"]))
    settings = pack.decoder.settings
    return _graph(search, [-1, settings.cells, settings.channels], "float32")


def _graph(network: Callable[[Any], Any], shape: list[int], dtype: str) -> Any:
    """Trace a function of one tensor by Keras' export. Axes of size -1 are dynamic."""
    from polycap.machine.backend import keras

    class Traced(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return network(inputs)

    signature = keras.InputSpec(shape=[None if size == -1 else size for size in shape], dtype=dtype)
    core = import_openvino().Core()
    core.set_property({"ENABLE_MMAP": False})  # Windows can't remove a mapped file
    with tempfile.TemporaryDirectory(prefix="polycap-") as folder:
        path = Path(folder) / "traced.xml"
        Traced().export(str(path), format="openvino", verbose=False, input_signature=[signature])
        return core.read_model(path)
