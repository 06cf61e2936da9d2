"""The shared encoder as one artefact: Xception, PCA, photo layers, and the distribution of photos, with a card.

::

    encoder.safetensors   xception.000 …: pointwise kernels int8 per output channel with float16 scales, else float16
                          pca.…: float16
                          photo_layers.…: kernels and places int8 with float16 scales, biases float16
                          photos.mean, photos.covariance: float16
    card.json             what it learned from, terms, scores, hashes of the parts, and the hash of the file

The shipped artefact is in `polycap/encoder/shipped/`. PCA, photo layers and distribution are made after the tensors, in
this order: an artefact without them is unfinished.

Rounding of weights: Jacob et al. (2018), arXiv:1712.05877, section 3, symmetric and without rounded activations.
"""

import hashlib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from polycap.encoder.encoder_card import ENCODER_CARD, EncoderCard, read_encoder_card
from polycap.encoder.identity import encoder_identity
from polycap.encoder.int8 import Stored, from_int8, output_axes, to_int8
from polycap.encoder.layers import SHAPES
from polycap.encoder.pca import FeaturePCA, join_blocks
from polycap.encoder.weight_files import Tensors, tensors_hash
from polycap.errors import EncoderError
from polycap.files import digest, make_folder, path_variable, sha256_file, write_json
from polycap.files.tensors import save_tensors

__all__ = [
    "ENCODER_FILE",
    "ENCODER_VARIABLE",
    "EncoderArtefact",
    "encoder_folder",
    "open_encoder",
    "round_tensors",
    "save_artefact",
]

ENCODER_FILE = "encoder.safetensors"
ENCODER_VARIABLE = "POLYCAP_ENCODER"
SHIPPED = Path(__file__).parent / "shipped"

_XCEPTION, _PCA, _PHOTO_LAYERS, _PHOTOS = "xception.", "pca.", "photo_layers.", "photos."
"""Prefixes of the parts' names in the file."""

Weights = dict[str, NDArray[np.float32]]


class EncoderArtefact:
    """All that captions need of a photo's encoder. Each part is read from the file on first use.

    Open it with `open_encoder`.

    Attributes:
        folder: folder of the artefact.
        card: what it learned from, terms, scores, and the hashes of its parts.
    """

    def __init__(self, folder: Path, card: EncoderCard) -> None:
        self.folder, self.card = folder, card

    @property
    def features(self) -> str:
        """Identity of the encoder's cells, by tensors and preprocessing; feature stores have it."""
        return encoder_identity(self.card.tensors)

    @property
    def identity(self) -> str:
        """Identity of cells, PCA and photo layers; packs have it."""
        return digest([self.features, self.card.pca, self.card.photo_layers])

    @cached_property
    def tensors(self) -> Tensors:
        """Xception's 234 tensors, `float32` of rounded values.

        Raises:
            EncoderError: the file is no encoder's; this holds for the other parts, too.
        """
        weights = self._read(_XCEPTION)
        tensors = [weights[name] for name in sorted(weights)]
        if tuple(tensor.shape for tensor in tensors) != SHAPES:
            raise self._broken("shapes that are not Xception's")
        return tensors

    @cached_property
    def pca(self) -> FeaturePCA:
        """PCA of the cells."""
        weights = self._read(_PCA)
        try:
            bases = [weights[name] for name in sorted(weights) if name.startswith("basis")]
            shapes = [(basis.shape[0], basis.shape[1]) for basis in bases]
            return FeaturePCA(weights["mean"], join_blocks(bases), float(weights["variance"]), shapes)
        except (KeyError, ValueError, IndexError) as error:
            raise self._broken(f"its PCA: {error}") from error

    @cached_property
    def photo_layers(self) -> Mapping[str, NDArray[np.float32]]:
        """Layers of a decoder that depend on the photo alone, by the names of `polycap.decoder.shapes.photo_shapes`."""
        return self._read(_PHOTO_LAYERS)

    @property
    def mean(self) -> NDArray[np.float32]:
        """Mean over train photos of the mean reduced cell, `(components,) float32`."""
        return self._distribution[0]

    @property
    def covariance(self) -> NDArray[np.float32]:
        """Covariance over train photos of the mean reduced cell, `(components, components) float32`."""
        return self._distribution[1]

    @cached_property
    def _distribution(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weights = self._read(_PHOTOS)
        mean, covariance = weights["mean"], np.zeros((weights["mean"].size,) * 2, dtype=np.float32)
        covariance[np.tril_indices(mean.size)] = weights["covariance"]
        return mean, covariance + np.tril(covariance, -1).T

    def _read(self, prefix: str) -> Weights:
        try:
            with safe_open(self.folder / ENCODER_FILE, framework="numpy") as file:
                names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118  # not a mapping
                weights = from_int8({name.removeprefix(prefix): file.get_tensor(name) for name in names})
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise self._broken(str(error)) from error
        if not weights:
            raise self._broken(f"no {prefix[:-1]}")
        if not all(np.isfinite(weight).all() for weight in weights.values()):
            raise self._broken("values that are not finite")
        return weights

    def _broken(self, reason: str) -> EncoderError:
        path = self.folder / ENCODER_FILE
        return EncoderError(f"{path}: is no encoder of polycap's ({reason}); install the encoder again")


def encoder_folder(folder: Path | None = None) -> Path:
    """Return the folder of the encoder in use: the given one, else that of `POLYCAP_ENCODER`, else the shipped one."""
    return folder or path_variable(ENCODER_VARIABLE) or SHIPPED


def open_encoder(folder: Path | None = None, *, finished: bool = True) -> EncoderArtefact:
    """Open an encoder; check its file against the card. In one process, each file is checked and read once.

    Args:
        folder: folder of the artefact. (default: `POLYCAP_ENCODER`, else the shipped one)
        finished: whether PCA and photo layers must be there; they are missing only while `polycap tune-encoder` makes
            the artefact. (default: True)

    Raises:
        EncoderError: there is no encoder, or it is truncated, changed or unfinished.
    """
    folder = encoder_folder(folder).absolute()
    card, path = read_encoder_card(folder), folder / ENCODER_FILE
    stat = path.stat() if path.is_file() else None
    if stat is None or stat.st_size != card.size:
        received = "missing" if stat is None else f"{stat.st_size:,} bytes long"
        raise EncoderError(f"{path}: is {received}; its card says {card.size:,} bytes. Install the encoder again")
    if finished and not (card.pca and card.photo_layers):
        raise EncoderError(
            f"{folder}: this encoder is unfinished (no {'photo layers' if card.pca else 'PCA'} yet); let `polycap "
            "tune-encoder` finish it, or name another (`encoder`)"
        )
    return _open(folder, card.model_dump_json(by_alias=True), stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _open(folder: Path, card_text: str, _modified: int) -> EncoderArtefact:
    card = EncoderCard.model_validate_json(card_text)
    if sha256_file(folder / ENCODER_FILE) != card.sha256:
        raise EncoderError(
            f"{folder / ENCODER_FILE}: its bytes are not those that its card names; install the encoder again"
        )
    return EncoderArtefact(folder, card)


def round_tensors(tensors: Tensors) -> Tensors:
    """Return Xception's tensors as an artefact has them, so that features are made by the same numbers."""
    return list(from_int8(_store_tensors(tensors)).values())


def save_artefact(
    folder: Path,
    card: EncoderCard,
    tensors: Tensors,
    *,
    pca: FeaturePCA | None = None,
    photo_layers: Mapping[str, NDArray[Any]] | None = None,
    distribution: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> EncoderArtefact:
    """Write an artefact and open it. The card is written last: it marks a complete file.

    Args:
        folder: folder to write to; it is created.
        card: what it learned from; hashes and sizes are filled in.
        tensors: Xception's tensors; they are rounded.
        pca: PCA of the cells. (default: none yet)
        photo_layers: weights by the names of `polycap.decoder.shapes.photo_shapes`; they are rounded. (default: none
            yet)
        distribution: mean and covariance of photos, of `polycap.features.distribution`. (default: none yet)
    """
    path = make_folder(folder) / ENCODER_FILE
    (folder / ENCODER_CARD).unlink(missing_ok=True)
    xception = _store_tensors(tensors)
    layers = to_int8(photo_layers or {}, output_axes(photo_layers or {}))
    parts = {_XCEPTION: xception, _PCA: _store_pca(pca), _PHOTO_LAYERS: layers, _PHOTOS: _store_photos(distribution)}
    stored = {f"{prefix}{name}": tensor for prefix, part in parts.items() for name, tensor in part.items()}
    save_tensors(path, stored)
    entries = {
        "tensors": tensors_hash(list(from_int8(xception).values())),
        "pca": pca.identity if pca else None,
        "photo_layers": _layers_hash(from_int8(layers)) if layers else None,
        "size": path.stat().st_size,
        "sha256": sha256_file(path),
    }
    card = card.model_copy(update=entries)
    write_json(folder / ENCODER_CARD, card.model_dump(mode="json", by_alias=True))
    return open_encoder(folder, finished=False)


def _store_tensors(tensors: Tensors) -> Stored:
    """Return Xception's tensors as they are stored, named by their places."""
    named = {f"{place:03d}": tensor for place, tensor in enumerate(tensors)}
    return to_int8(named, {name: -1 for name, tensor in named.items() if _is_pointwise(tensor.shape)})


def _is_pointwise(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[:2] == (1, 1)


def _store_pca(pca: FeaturePCA | None) -> Stored:
    if pca is None:
        return {}
    stored: Stored = {"mean": pca.mean.astype(np.float16), "variance": np.array(pca.variance)}
    for number, (rows, columns) in enumerate(pca.places):
        stored[f"basis{number}"] = np.ascontiguousarray(pca.basis[rows, columns], dtype=np.float16)
    return stored


def _store_photos(distribution: tuple[NDArray[np.float32], NDArray[np.float32]] | None) -> Stored:
    if distribution is None:
        return {}
    mean, covariance = distribution
    triangle = covariance[np.tril_indices(len(covariance))]  # symmetric: one triangle is enough
    return {"mean": mean.astype(np.float16), "covariance": triangle.astype(np.float16)}


def _layers_hash(weights: Weights) -> str:
    hasher = hashlib.sha256()
    for name in sorted(weights):
        hasher.update(f"{name} {weights[name].shape}".encode())
        hasher.update(np.ascontiguousarray(weights[name], dtype="<f4").tobytes())
    return hasher.hexdigest()
