"""Post-training quantisation of the encoder to int8 by NNCF, on photos of the user.

Reference: Jacob et al. (2018), "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", arXiv:1712.05877.
"""

import contextlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.artefact import open_encoder
from polycap.encoder.identity import SIZE
from polycap.errors import CaptionRuntimeError, PhotoError
from polycap.machine.extras import missing_package
from polycap.machine.telemetry import import_nncf, import_openvino
from polycap.photos.batches import decode_batches
from polycap.runtime.encoder_graphs import RECIPE, EncoderGraphs
from polycap.runtime.graphs import GRAPH_FILE, new_graph
from polycap.runtime.openvino_runtime import require_openvino

__all__ = ["FEWEST", "MOST", "Quantized", "quantize_encoder", "quantize_graph"]

FEWEST = 32
"""Minimum number of readable photos. A guess: few photos do not show the ranges of the encoder's activations."""
MOST = 300
"""Maximum number of photos that are used, evenly spaced among all: NNCF's default."""


@dataclass(frozen=True)
class Quantized:
    """Result of a quantisation.

    Attributes:
        path: file of the graph.
        photos: number of photos that were used.
        faults: errors of the photos that could not be read.
    """

    path: Path
    photos: int
    faults: tuple[PhotoError, ...]


def quantize_encoder(photos: Sequence[Path], encoder: Path | None = None) -> Quantized:
    """Make the int8 graph of the encoder, replacing an existing one.

    Args:
        photos: paths of photos like those to be encoded; at most `MOST` are used, evenly spaced among all.
        encoder: folder of the encoder's artefact. (default: `POLYCAP_ENCODER`, else the shipped one)

    Raises:
        CaptionRuntimeError: NNCF or OpenVINO is not installed, fewer than `FEWEST` photos can be read, or the graph
            can't be made.
        EncoderError: there is no encoder, or it is broken.
    """
    require_openvino()
    _load_nncf()
    _require_enough(len(photos))
    pixels, faults = _read(photos)
    _require_enough(len(pixels), faults)
    graphs = EncoderGraphs(open_encoder(encoder))
    traced = graphs.traced()
    with new_graph(graphs.int8_folder) as staging:
        quantize_graph(traced, pixels, staging / GRAPH_FILE)
    return Quantized(graphs.int8_folder / GRAPH_FILE, len(pixels), tuple(faults))


def quantize_graph(model: Path, batches: Sequence[NDArray[Any]], out: Path) -> None:
    """Quantise a graph by `RECIPE` and write it to `out`, with the number of batches in it.

    Args:
        model: file of a graph in OpenVINO's format, with one input.
        batches: calibration inputs, such as `(1, 299, 299, 3) uint8` each.
        out: file to write.

    Raises:
        CaptionRuntimeError: NNCF is not installed.
    """
    openvino = import_openvino()
    graph = openvino.Core().read_model(model)
    _fold_normalization(graph)
    with contextlib.redirect_stdout(sys.stderr):  # NNCF's bars; results alone go to stdout
        nncf = _load_nncf()
        quantized = nncf.quantize(
            graph,
            nncf.Dataset(batches),
            preset=nncf.QuantizationPreset(RECIPE["preset"]),
            subset_size=len(batches),
            ignored_scope=nncf.IgnoredScope(names=_ends(graph), types=RECIPE["whole"], validate=False),
        )
    quantized.set_rt_info(len(batches), ["polycap", "photos"])
    openvino.save_model(quantized, out, compress_to_fp16=False)


def _fold_normalization(graph: Any) -> None:
    """Fold batch normalisation into the weights of the convolutions before it.

    NNCF would quantise around it: on Flickr8k, cells of cosine 0.96 instead of 0.99, and no faster than float32.
    """
    opset, passes = import_openvino().opset13, import_module("openvino.passes")
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())  # the weights, transposed
    manager.run_passes(graph)
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "BatchNormInference" or _source(node, 0).get_type_name() != "Convolution":
            continue
        convolution, *sources = (_source(node, place) for place in range(5))
        kernel = _source(convolution, 1).get_data()  # (outputs, inputs, rows, columns)
        gamma, beta, mean, variance = (source.get_data() for source in sources)  # (outputs,)
        scale = gamma / np.sqrt(variance + node.get_attributes()["epsilon"])
        names = ("strides", "pads_begin", "pads_end", "dilations", "auto_pad")
        options = {name: convolution.get_attributes()[name] for name in names}
        folded = opset.convolution(convolution.input_value(0), kernel * scale[:, None, None, None], **options)
        shifted = opset.add(folded, (beta - mean * scale)[None, :, None, None])
        node.output(0).replace(shifted.output(0))


def _source(node: Any, place: int) -> Any:
    """The node that gives an input; conversions, of float32 to float32, are passed over."""
    source = node.input_value(place).get_node()
    while source.get_type_name() == "Convert":
        source = source.input_value(0).get_node()
    return source


def _ends(graph: Any) -> list[str]:
    """Return the names of the first and last convolutions, which lose most by rounding."""
    names = [node.get_friendly_name() for node in graph.get_ordered_ops() if node.get_type_name() == "Convolution"]
    count = RECIPE["whole_ends"]
    return [*names[:count], *names[-count:]]


def _load_nncf() -> Any:
    try:
        nncf = import_nncf()
    except ImportError as error:
        message = missing_package("polycap quantize", "nncf", "int8", f"not available ({error})")
        raise CaptionRuntimeError(message) from error
    logging.getLogger("nncf").setLevel(logging.ERROR)  # NNCF's own setter also changes handlers of other loggers
    return nncf


def _read(photos: Sequence[Path]) -> tuple[list[NDArray[np.uint8]], list[PhotoError]]:
    """Decode photos; return each as a batch of one, `(1, 299, 299, 3) uint8`, and the errors of unreadable ones."""
    count = min(len(photos), MOST)
    chosen = [photos[index * len(photos) // count] for index in range(count)]
    decoded = [pixels for batch in decode_batches([(path, path) for path in chosen], SIZE) for _, pixels in batch]
    faults = [fault for fault in decoded if isinstance(fault, PhotoError)]
    return [pixels[None] for pixels in decoded if not isinstance(pixels, PhotoError)], faults


def _require_enough(count: int, faults: Sequence[PhotoError] = ()) -> None:
    if count < FEWEST:
        unread = f" ({len(faults)} can't be read, first: {faults[0]})" if faults else ""
        raise CaptionRuntimeError(
            f"quantising the encoder takes {FEWEST} photos or more, better {MOST}; there are {count}{unread}"
        )
