"""Weights of a decoder by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.errors import PackError

if TYPE_CHECKING:
    from polycap.decoder.base import Decoder

__all__ = ["assign_weights", "named_weights"]


def named_weights(decoder: "Decoder") -> dict[str, Any]:
    """Return the decoder's variables by name, such as `state_gates/kernel`; without the random states of dropout."""
    named = {
        "/".join(variable.path.split("/")[1:]) or variable.path: variable for variable in decoder.trainable_variables
    }
    if len(named) != len(decoder.trainable_variables):
        raise PackError(f"decoder {decoder.name}: two weights share a name; name every layer")
    return named


def assign_weights(decoder: "Decoder", weights: Mapping[str, NDArray[Any]]) -> None:
    """Assign weights to the decoder, by the names of `named_weights`.

    Args:
        decoder: its weights are replaced.
        weights: arrays by name, of any float dtype.
    """
    for name, variable in named_weights(decoder).items():
        variable.assign(np.asarray(weights[name], dtype=np.float32))
