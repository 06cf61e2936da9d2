"""Weights of a decoder by name."""

from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.shapes import photo_shapes, weight_shapes

if TYPE_CHECKING:
    from polycap.decoder.base import Decoder

__all__ = ["assign_weights", "named_weights"]


def named_weights(decoder: "Decoder") -> dict[str, Any]:
    """Return the decoder's variables by the names in `polycap.decoder.shapes`, in that order.

    A name is a path of attributes, whatever Keras calls the variable: `state_gates/kernel` is
    `decoder.state_gates.kernel`; those of the photo layers begin at `decoder.photo_layers`. The random states of
    dropout have none.

    Raises:
        ValueError: a weight has no name.
    """
    of_photo = photo_shapes(decoder.settings)
    named = {
        name: attrgetter(name.replace("/", "."))(decoder.photo_layers if name in of_photo else decoder)
        for name in weight_shapes(decoder.settings)
    }
    nameless = {id(v) for v in decoder.trainable_variables} - {id(v) for v in named.values()}
    if nameless:
        raise ValueError(
            f"decoder {decoder.settings.kind}: {len(nameless)} of its weights have no name in polycap.decoder.shapes; "
            "add them there"
        )
    return named


def assign_weights(decoder: "Decoder", weights: Mapping[str, NDArray[Any]]) -> None:
    """Assign weights to the decoder, by the names of `named_weights`.

    Args:
        decoder: its weights are replaced.
        weights: arrays by name, of any float dtype.
    """
    for name, variable in named_weights(decoder).items():
        variable.assign(np.asarray(weights[name], dtype=np.float32))
