"""Identity of an encoder: hashes of tensors and preprocessing. Does not import Keras."""

from polycap.files import digest

__all__ = [
    "BLOCKS",
    "CELLS",
    "CHANNELS",
    "MIDDLE_CELLS",
    "MIDDLE_CHANNELS",
    "PREPROCESSING",
    "SIZE",
    "encoder_identity",
    "middle_flow_identity",
]

SIZE = 299
"""Side of the encoder's input in pixels."""
CELLS = 100
"""Cells of the encoder's output: 10 × 10, row by row."""
BLOCKS: tuple[int, ...] = (2048, 728, 64)
"""Channels of a cell by kind: Xception's last layer, its middle flow, and the share of each colour."""
CHANNELS = sum(BLOCKS)
"""Channels of a cell."""
MIDDLE_CELLS = 361
"""Cells of the middle flow: 19 × 19, row by row."""
MIDDLE_CHANNELS = 728
"""Channels of a cell of the middle flow."""

PREPROCESSING = {
    "architecture": "keras.applications.Xception, include_top=False",
    "size": SIZE,
    "aspect": "squashed",
    "resample": "bicubic",
    "background": "white",
    "range": [-1, 1],
}


_BESIDE = {"middle": "block13_sepconv1_act, means of 3 × 3", "colours": "4 × 4 × 4, trilinear"}


def encoder_identity(tensors: str) -> str:
    """Return the identity of the cells of the encoder whose tensors have this `tensors_hash`."""
    return digest({"tensors": tensors, **PREPROCESSING, **_BESIDE})


def middle_flow_identity(tensors: str) -> str:
    """Return the identity of an encoder's middle flow, whose activations the exit flow is trained on."""
    xception = digest({"tensors": tensors, **PREPROCESSING})
    return digest({"encoder": xception, "output": "before block13_sepconv1_act"})
