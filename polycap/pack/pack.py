"""A pack: the files of a trained decoder. Data only; no file of it is ever executed.

::

    decoder.safetensors   the decoder's weights, float16
    pca.safetensors       PCA from the encoder's channels to the decoder's, float16 (if one was used)
    tokenizer.model       SentencePiece
    card.json             sizes, encoder identity, data, terms, scores, hashes of the files above
    CARD.md               the card as Markdown
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from polycap.decoder.settings import DecoderSettings
from polycap.decoder.shapes import Shapes, weight_shapes
from polycap.decoder.weights import assign_weights
from polycap.encoder.pca import FeaturePCA
from polycap.errors import FeatureStoreError, PackError, TokenizerError
from polycap.files import atomic_path, make_folder, sha256_file
from polycap.pack.card import CARD_JSON, DECODER, PCA, TOKENIZER, Card, FileEntry, read_card
from polycap.pack.record import write_card
from polycap.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from polycap.decoder.base import Decoder

__all__ = ["Pack", "load_pack", "save_pack"]

_FLOATS = frozenset({"F16", "F32", "F64"})
"""NumPy's floating-point types, as safetensors names them."""


@dataclass(frozen=True)
class Pack:
    """A loaded pack.

    Attributes:
        folder: folder of the pack.
        card: model card.
        tokenizer: tokenizer of the language.
        pca: PCA of the features; None without one.
    """

    folder: Path
    card: Card
    tokenizer: Tokenizer
    pca: FeaturePCA | None

    def reduce(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """Reduce the encoder's output for the decoder: `(photos, cells, channels)` with fewer channels, float32."""
        return self.pca(grid) if self.pca else grid[..., : self.card.decoder.channels].astype(np.float32, copy=False)

    def require_grid(self, cells: int, channels: int) -> None:
        """Check that the pack can read an encoder's output, `(photos, cells, channels)`.

        Raises:
            PackError: the pack reads another number of cells, or more channels.
        """
        own_cells, own_channels = self.card.decoder.cells, (self.pca or self.card.decoder).channels
        if own_cells != cells or own_channels > channels:  # a pack may read the first channels only
            raise PackError(
                f"{self.folder}: reads {own_cells} cells of {own_channels} channels; the encoder gives {cells} of "
                f"{channels}; install another pack"
            )

    @cached_property
    def decoder(self) -> "Decoder":
        """Decoder, built by Keras on first use.

        Raises:
            PackError: the file of its weights has changed since the pack was loaded.
            CaptionRuntimeError: the backend of Keras is not installed.
        """
        return _load_decoder(self.folder, self.card.decoder)

    def require_encoder(self, identity: Sequence[str]) -> None:
        """Check that the encoder with this identity is the one that the decoder was trained with.

        Raises:
            PackError: it is another one.
        """
        if self.card.encoder not in identity:
            raise PackError(
                f"{self.folder}: was trained for encoder {self.card.encoder}, but the encoder at hand is "
                f"{identity[0]}; give the weights that it was trained with, or train again"
            )


def save_pack(
    folder: Path, card: Card, weights: dict[str, NDArray[Any]], tokenizer: Tokenizer, pca: FeaturePCA | None
) -> Card:
    """Write a pack and return its card with the files' hashes. The card is written last: it marks a complete pack.

    Args:
        folder: folder to write to; it is created.
        card: card without `files`.
        weights: weights by the names of `named_weights`; stored as float16.
        tokenizer: tokenizer of the language.
        pca: PCA of the features; None without one.
    """
    make_folder(folder)
    (folder / CARD_JSON).unlink(missing_ok=True)
    with atomic_path(folder / DECODER) as temporary:
        save_file({name: np.asarray(value, dtype=np.float16) for name, value in weights.items()}, temporary)
    tokenizer.save(folder / TOKENIZER)
    names = [DECODER, TOKENIZER]
    if pca is not None:
        pca.save(folder / PCA)
        names.append(PCA)
    entries = {
        name: FileEntry(size=(folder / name).stat().st_size, sha256=sha256_file(folder / name)) for name in names
    }
    card = card.model_copy(update={"files": entries})
    write_card(folder, card)
    return card


def load_pack(folder: Path) -> Pack:
    """Load a pack; check every file against its card, and the decoder's weights against its settings.

    Does not import Keras.

    Raises:
        PackError: there is no pack, or a file is missing, truncated, changed or of another decoder.
    """
    card = read_card(folder)
    for name, entry in card.files.items():
        _check_file(folder / name, entry)
    try:
        pca = FeaturePCA.load(folder / PCA) if PCA in card.files else None
        tokenizer = Tokenizer.load(folder / TOKENIZER)
    except (FeatureStoreError, TokenizerError) as error:
        raise PackError(str(error)) from error
    identities = (pca.identity if pca else None, tokenizer.identity)
    if identities != (card.pca, card.tokenizer):
        raise PackError(f"{folder}: its PCA or tokenizer is not the one that {CARD_JSON} names; install the pack again")
    sizes = (pca.components if pca else card.decoder.channels, tokenizer.vocab_size)
    if sizes != (card.decoder.channels, card.decoder.vocab_size):
        raise PackError(
            f"{folder}: its PCA or tokenizer is not of the sizes that {CARD_JSON} names; install the pack again"
        )
    _read_tensors(folder / DECODER, weight_shapes(card.decoder))
    return Pack(folder, card, tokenizer, pca)


def _check_file(path: Path, entry: FileEntry) -> None:
    size = path.stat().st_size if path.is_file() else -1
    if size != entry.size:
        received = "missing" if size < 0 else f"{size:,} bytes long"
        raise PackError(f"{path}: is {received}; its card says {entry.size:,} bytes. Install the pack again")
    if sha256_file(path) != entry.sha256:
        raise PackError(f"{path}: its bytes are not those that its card names; install the pack again")


def _load_decoder(folder: Path, settings: DecoderSettings) -> "Decoder":
    from polycap.decoder.kinds import build_decoder

    tensors = _read_tensors(folder / DECODER, weight_shapes(settings))
    decoder = build_decoder(settings)
    assign_weights(decoder, tensors)
    return decoder


def _read_tensors(path: Path, shapes: Shapes) -> dict[str, NDArray[Any]]:
    """Read the tensors of a safetensors file; check that they have these shapes and are finite floats."""
    try:
        _check_header(path, shapes)
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise PackError(f"{path}: is broken ({error}); install the pack again") from error
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise _not_finite(path, name)
    return tensors


def _check_header(path: Path, shapes: Shapes) -> None:
    """Check names, shapes and types in the header of a safetensors file, without reading a tensor."""
    file_shapes: Shapes = {}
    with safe_open(path, framework="numpy") as file:
        for name in sorted(file.keys()):
            header = file.get_slice(name)
            file_shapes[name] = tuple(header.get_shape())
            if header.get_dtype() not in _FLOATS:
                raise _not_finite(path, name)
    if file_shapes != shapes:
        names = file_shapes.keys() | shapes.keys()
        first = min(name for name in names if file_shapes.get(name) != shapes.get(name))
        raise PackError(
            f"{path}: its tensors are not those of the decoder in {CARD_JSON} (first: {first!r:.60}); "
            "install the pack again"
        )


def _not_finite(path: Path, name: str) -> PackError:
    return PackError(f"{path}: tensor {name!r:.60} has values that are no finite floats; install the pack again")
