"""What makes two encoders the same one. Light: nothing here loads the network."""

from collections.abc import Callable
from pathlib import Path

from polycap.features.weights import PUBLISHED, local_weights, read_weights, tensors_hash
from polycap.files import digest, sha256_file

__all__ = ["PREPROCESSING", "SIZE", "encoder_identity", "expected_identity"]

SIZE = 299
"""Side of the encoder's input, pixels."""

PREPROCESSING = {
    "architecture": "keras.applications.Xception, include_top=False",
    "size": SIZE,
    "aspect": "squashed",
    "resample": "bicubic",
    "background": "white",
    "range": [-1, 1],
}


def encoder_identity(tensors: str) -> str:
    """The identity of the encoder whose tensors have this `tensors_hash`."""
    return digest({"tensors": tensors, **PREPROCESSING})


def expected_identity(
    weights: Path | None = None,
    cached: Callable[[Path, str, Callable[[Path], str]], str] = lambda path, _, compute: compute(path),
) -> str:
    """The identity that `Encoder.load(weights)` will have, without loading the network, or what stands for it.

    Weights that are not here yet will be the published ones. Of a file that only the network can read (all but
    `.safetensors`) it is a hash of the file, which tells it from others as well.

    Args:
        weights: as for `Encoder.load`.
        cached: called with a file, a name for what is computed of it, and how; it may know the answer already.

    Raises:
        EncoderError: weights were given that can't be read.
    """
    path = local_weights(weights)
    if path is None:
        return encoder_identity(PUBLISHED)
    if not path.is_file():
        return encoder_identity(_read_hash(path))  # the error says what is wrong
    if path.suffix == ".safetensors":
        return encoder_identity(cached(path, "tensors", _read_hash))
    return f"file {cached(path, 'sha256', sha256_file)[:16]}"


def _read_hash(path: Path) -> str:
    return tensors_hash(read_weights(path))
