"""A decoder's variables by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from polycap.decoder.base import Decoder

__all__ = ["assign_weights", "named_weights"]


def named_weights(decoder: "Decoder") -> dict[str, Any]:
    """The decoder's variables by name, such as `state_gates/kernel`; without the random states of dropout."""
    named = {"/".join(v.path.split("/")[1:]) or v.path: v for v in decoder.trainable_variables}
    if len(named) != len(decoder.trainable_variables):
        raise ValueError(f"decoder {decoder.name}: two weights share a name; name every layer")
    return named


def assign_weights(decoder: "Decoder", weights: Mapping[str, NDArray[Any]]) -> None:
    """Give the decoder weights, as `named_weights` names them."""
    for name, variable in named_weights(decoder).items():
        variable.assign(np.asarray(weights[name], dtype=np.float32))
