"""The shared encoder as one artefact: Xception, PCA, and the distribution of photos, with a card.

::

    encoder.safetensors   pointwise kernels int8 per output channel with float16 scales, other tensors float16; PCA
                          float16; mean and covariance of photos float32
    card.json             what it learned from, terms, scores, identity, and the hash of the tensors

Rounding of weights: Jacob et al. (2018), arXiv:1712.05877, section 3, symmetric and without rounded activations.
"""

import hashlib
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from polycap.encoder.encoder_card import ENCODER_CARD, EncoderCard, read_encoder_card
from polycap.encoder.int8 import dequantize, quantize
from polycap.encoder.layers import SHAPES
from polycap.encoder.pca import FeaturePCA, join_blocks
from polycap.encoder.weight_files import Tensors
from polycap.errors import EncoderError
from polycap.files import atomic_path, make_folder, sha256_file, write_json

__all__ = ["ENCODER_FILE", "EncoderArtefact", "load_artefact", "round_tensors", "save_artefact"]

ENCODER_FILE = "encoder.safetensors"

Stored = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class EncoderArtefact:
    """All that captions need of a photo's encoder.

    Attributes:
        tensors: Xception's 234 tensors, `float32` of rounded values.
        pca: PCA of the cells.
        mean: mean over train photos of the mean reduced cell, `(components,) float32`.
        covariance: covariance of the same, `(components, components) float32`.
        card: what it learned from, terms and scores.
    """

    tensors: Tensors
    pca: FeaturePCA
    mean: NDArray[np.float32]
    covariance: NDArray[np.float32]
    card: EncoderCard

    @property
    def identity(self) -> str:
        """Hash of all values, in any file: 16 hexadecimal digits."""
        return _identity(self.tensors, self.pca, self.mean, self.covariance)


def round_tensors(tensors: Tensors) -> Tensors:
    """Return Xception's tensors as an artefact has them, so that features are made by the same numbers."""
    return [_unpack(_pack(place, tensor), place) for place, tensor in enumerate(tensors)]


def save_artefact(artefact: EncoderArtefact, folder: Path) -> EncoderCard:
    """Write an artefact. The card is written last: it marks a complete one.

    Args:
        artefact: the artefact; tensors that are not rounded yet are rounded.
        folder: folder to write to; it is created.

    Returns:
        The card with identity, size and hash.
    """
    path = make_folder(folder) / ENCODER_FILE
    (folder / ENCODER_CARD).unlink(missing_ok=True)
    packed = [_pack(place, tensor) for place, tensor in enumerate(artefact.tensors)]
    stored = dict(chain.from_iterable(part.items() for part in packed))
    pca, covariance = artefact.pca, artefact.covariance
    stored |= {"pca.mean": pca.mean.astype(np.float16), "pca.variance": np.array(pca.variance)}
    stored |= {"photos.mean": artefact.mean.astype(np.float32)}
    for number, (rows, columns) in enumerate(pca.places):
        stored[f"pca.basis{number}"] = np.ascontiguousarray(pca.basis[rows, columns], dtype=np.float16)
    # Symmetric: one triangle is enough.
    stored["photos.covariance"] = covariance[np.tril_indices(len(covariance))].astype(np.float32)
    with atomic_path(path) as temporary:
        save_file(stored, temporary)
    rounded = [_unpack(part, place) for place, part in enumerate(packed)]
    identity = _identity(rounded, pca, artefact.mean, covariance)
    entry = {"identity": identity, "size": path.stat().st_size, "sha256": sha256_file(path)}
    card = artefact.card.model_copy(update=entry)
    write_json(folder / ENCODER_CARD, card.model_dump(mode="json", by_alias=True))
    return card


def load_artefact(folder: Path) -> EncoderArtefact:
    """Load an artefact; check its bytes, shapes and values against the card.

    Raises:
        EncoderError: there is no artefact, or it is truncated, changed or of other tensors.
    """
    card, path = read_encoder_card(folder), folder / ENCODER_FILE
    size = path.stat().st_size if path.is_file() else -1
    if size != card.size:
        received = "missing" if size < 0 else f"{size:,} bytes long"
        raise EncoderError(f"{path}: is {received}; its card says {card.size:,} bytes. Install the encoder again")
    if sha256_file(path) != card.sha256:
        raise EncoderError(f"{path}: its bytes are not those that its card names; install the encoder again")
    try:
        artefact = _assemble(path, card)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise EncoderError(f"{path}: is no encoder of polycap's ({error}); install the encoder again") from error
    if artefact.identity != card.identity:
        raise EncoderError(
            f"{path}: is encoder {artefact.identity}; its card says {card.identity}. Install the encoder again"
        )
    return artefact


def _assemble(path: Path, card: EncoderCard) -> EncoderArtefact:
    """Return the artefact of a file whose hash is right.

    Raises:
        KeyError, ValueError: a tensor is missing, of another shape, or not finite.
    """
    stored = load_file(path)
    tensors = [_unpack(stored, place) for place in range(len(SHAPES))]
    if tuple(tensor.shape for tensor in tensors) != SHAPES:
        raise ValueError("shapes that are not Xception's")
    bases = [stored[name] for name in sorted(stored) if name.startswith("pca.basis")]
    shapes = [(basis.shape[0], basis.shape[1]) for basis in bases]
    variance = float(stored["pca.variance"])
    pca = FeaturePCA(stored["pca.mean"].astype(np.float32), join_blocks(bases).astype(np.float32), variance, shapes)
    mean, triangle = stored["photos.mean"], stored["photos.covariance"]
    if pca.channels != pca.mean.size or mean.shape != (pca.components,):
        raise ValueError(f"a PCA of {pca.channels} channels and a mean of {mean.size}")
    covariance = np.zeros((mean.size, mean.size), dtype=np.float32)
    covariance[np.tril_indices(mean.size)] = triangle
    covariance += np.tril(covariance, -1).T
    if not all(np.isfinite(values).all() for values in (*tensors, pca.mean, pca.basis, mean, triangle)):
        raise ValueError("values that are not finite")
    return EncoderArtefact(tensors, pca, mean, covariance, card)


def _is_pointwise(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[:2] == (1, 1)


def _pack(place: int, tensor: NDArray[np.float32]) -> Stored:
    """Return a tensor as it is stored: float16, or, of a pointwise kernel, int8 and a scale per output channel."""
    name = f"{place:03d}"
    if not _is_pointwise(tensor.shape):
        return {name: tensor.astype(np.float16)}
    values, scales = quantize(tensor)
    return {name: values, f"{name}.scale": scales}


def _unpack(stored: Stored, place: int) -> NDArray[np.float32]:
    name = f"{place:03d}"
    scales = stored.get(f"{name}.scale")
    return stored[name].astype(np.float32) if scales is None else dequantize(stored[name], scales)


def _identity(tensors: Tensors, pca: FeaturePCA, mean: NDArray[np.float32], covariance: NDArray[np.float32]) -> str:
    hasher = hashlib.sha256(pca.identity.encode())
    for values in (*tensors, mean, covariance):
        hasher.update(repr(values.shape).encode())
        hasher.update(np.ascontiguousarray(values, dtype="<f4").tobytes())
    return hasher.hexdigest()[:16]
