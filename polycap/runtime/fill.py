"""Fill a traced graph with a language's numbers: weights, and what its search has of its own.

A search is traced once for all languages whose decoders have the same sizes, with the smallest vocabulary. In the
graph its constants have names, and each can be replaced by an array of another size.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.machine.telemetry import import_openvino

__all__ = ["PREFIX", "fill_graph"]

PREFIX = "filled/"
"""Beginning of the name of a constant that is replaced, in the graph."""


def fill_graph(core: Any, template: Path, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return a traced graph with these arrays in place of its named constants, in memory.

    Args:
        core: OpenVINO's Core.
        template: file of the traced graph.
        arrays: the arrays by name, each of the constant's type.

    Raises:
        ValueError: a constant or an array has no counterpart.
    """
    opset = import_openvino().opset13
    model = core.read_model(template)
    filled = set()
    for constant in list(_constants(model)):
        name = constant.get_friendly_name().removeprefix(PREFIX)
        new = opset.constant(np.ascontiguousarray(arrays[name]))
        new.set_friendly_name(constant.get_friendly_name())
        for target in constant.output(0).get_target_inputs():
            target.replace_source_output(new.output(0))
        if len(new.get_shape()) == 2:
            _read_transposed(new)
        filled.add(name)
    if filled != arrays.keys():
        raise ValueError(f"{template}: has no constants {sorted(arrays.keys() - filled)}")
    model.validate_nodes_and_infer_types()
    return model


def _read_transposed(constant: Any) -> None:
    """Let matrix products read a constant as it is: each transposed copy would be kept with the compiled graph."""
    opset = import_openvino().opset13
    for transpose in _readers(constant, "Transpose"):
        for product in _readers(transpose, "MatMul"):
            swaps = product.get_attributes()
            first, transposed = product.input_value(0), not swaps["transpose_b"]
            new = opset.matmul(first, constant, bool(swaps["transpose_a"]), transposed)
            for target in product.output(0).get_target_inputs():
                target.replace_source_output(new.output(0))


def _readers(node: Any, kind: str) -> Iterator[Any]:
    """Yield the nodes of a kind that read a node; those that convert float32 to float32 are looked through."""
    for target in node.output(0).get_target_inputs():
        reader = target.get_node()
        if reader.get_type_name() == "Convert" and reader.get_element_type() == node.get_element_type():
            yield from _readers(reader, kind)
        elif reader.get_type_name() == kind and (kind != "MatMul" or target.get_index() == 1):
            yield reader


def _constants(model: Any) -> Iterator[Any]:
    """Yield the named constants of a graph and of the bodies of its loops."""
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and node.get_friendly_name().startswith(PREFIX):
            yield node
        elif node.get_type_name() == "Loop":
            yield from _constants(node.get_function())
