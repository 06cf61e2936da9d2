"""The encoder in int8: NNCF's post-training quantisation of the traced graph, on photos that the user names.

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
"""Photos that must be readable. A guess: of few, the ranges of what flows through the encoder are not known."""
MOST = 300
"""Photos that are used, evenly from all: NNCF's own number."""


@dataclass(frozen=True)
class Quantized:
    """What was made: the graph's file, from how many photos, and those that could not be read."""

    path: Path
    photos: int
    faults: tuple[PhotoError, ...]


def quantize_encoder(photos: Sequence[Path], weights: Path | None = None) -> Quantized:
    """Make the int8 graph of the encoder, in place of one that is there.

    Args:
        photos: like those that will be encoded; `MOST` of them are used, evenly from all.
        weights: the encoder's weights, from the first source that `find_weights` finds without.

    Raises:
        CaptionRuntimeError: NNCF or OpenVINO is not installed, fewer than `FEWEST` photos can be read, or the graph
            can't be made.
        EncoderError: no usable weights.
    """
    require_openvino()
    _load_nncf()  # what is missing is told before the work
    _require_enough(len(photos))
    pixels, faults = _read(photos)
    _require_enough(len(pixels), faults)
    graphs = EncoderGraphs.of(weights)
    traced = graphs.traced()
    with new_graph(graphs.int8_folder) as made:
        quantize_graph(traced, pixels, made / GRAPH_FILE)
    return Quantized(graphs.int8_folder / GRAPH_FILE, len(pixels), tuple(faults))


def quantize_graph(model: Path, batches: Sequence[NDArray[Any]], out: Path) -> None:
    """Quantise a graph by `RECIPE` and write it to `out`, with the number of batches in it.

    Args:
        model: a graph in OpenVINO's format, of one input.
        batches: what it is to be tried on, such as `(1, 299, 299, 3) uint8` each.

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
    """The first convolutions and the last ones, which bear rounding worst."""
    names = [node.get_friendly_name() for node in graph.get_ordered_ops() if node.get_type_name() == "Convolution"]
    count = RECIPE["whole_ends"]
    return [*names[:count], *names[-count:]]


def _load_nncf() -> Any:
    try:
        nncf = import_nncf()
    except ImportError as error:
        message = missing_package("polycap quantize", "nncf", "int8", f"not to be had ({error})")
        raise CaptionRuntimeError(message) from error
    logging.getLogger("nncf").setLevel(logging.ERROR)  # its own setter changes others' handlers, too
    return nncf


def _read(photos: Sequence[Path]) -> tuple[list[NDArray[np.uint8]], list[PhotoError]]:
    """Each as a batch of one, `(1, 299, 299, 3)`, and why others can't be read."""
    count = min(len(photos), MOST)
    chosen = [photos[place * len(photos) // count] for place in range(count)]
    decoded = [pixels for batch in decode_batches([(path, path) for path in chosen], SIZE) for _, pixels in batch]
    faults = [fault for fault in decoded if isinstance(fault, PhotoError)]
    return [pixels[None] for pixels in decoded if not isinstance(pixels, PhotoError)], faults


def _require_enough(count: int, faults: Sequence[PhotoError] = ()) -> None:
    if count < FEWEST:
        unread = f" ({len(faults)} can't be read, first: {faults[0]})" if faults else ""
        raise CaptionRuntimeError(
            f"quantising the encoder takes {FEWEST} photos or more, better {MOST}; there are {count}{unread}"
        )
