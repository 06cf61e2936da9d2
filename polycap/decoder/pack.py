"""A pack: what training leaves for use. Data only; nothing in it is ever executed.

::

    decoder.safetensors   the decoder's weights, float16
    pca.safetensors       the map from the encoder's channels to the decoder's, float16 (if one was used)
    tokenizer.model       SentencePiece
    card.json             what it is: sizes, encoder identity, data, terms, scores, hashes of the files above
    CARD.md               the same for people
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from polycap.decoder.card_file import (
    CARD,
    DECODER,
    PCA,
    TOKENIZER,
    Card,
    FileEntry,
    read_card,
    record_scores,
    write_card,
)
from polycap.decoder.settings import DecoderSettings
from polycap.errors import FeatureStoreError, PackError, TokenizerError
from polycap.features.pca import FeaturePCA
from polycap.files import atomic_path, make_folder, sha256_file
from polycap.tokenizer import Tokenizer

if TYPE_CHECKING:  # it brings Keras, which only `Pack.decoder` needs
    from polycap.decoder.base import Decoder

__all__ = [
    "DECODER",
    "Card",
    "FileEntry",
    "Pack",
    "assign_weights",
    "load_pack",
    "named_weights",
    "read_card",
    "record_scores",
    "save_pack",
    "write_card",
]


@dataclass(frozen=True)
class Pack:
    """A loaded pack."""

    folder: Path
    card: Card
    tokenizer: Tokenizer
    pca: FeaturePCA | None

    def reduce(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """The encoder's output as the decoder takes it: `(photos, cells, channels) float32`, of fewer channels."""
        return self.pca(grid) if self.pca else grid[..., : self.card.decoder.channels].astype(np.float32, copy=False)

    def require_grid(self, cells: int, channels: int) -> None:
        """Check that the pack reads an encoder's output, `(photos, cells, channels)`.

        Raises:
            PackError: it reads another shape.
        """
        wanted = (self.card.decoder.cells, self.pca.channels if self.pca else self.card.decoder.channels)
        if wanted[0] != cells or wanted[1] > channels:  # it may read the first ones alone
            raise PackError(
                f"{self.folder}: reads {wanted[0]} cells of {wanted[1]} channels; the encoder gives {cells} of "
                f"{channels}; install another pack"
            )

    @cached_property
    def decoder(self) -> "Decoder":
        """The decoder, built by Keras when it is first asked for.

        Raises:
            PackError: its weights are not those of the decoder in the card.
        """
        return _load_decoder(self.folder, self.card.decoder)

    def require_encoder(self, identity: Sequence[str]) -> None:
        """Check that an encoder is the one that the decoder was trained with; `identity` is the encoder's.

        Raises:
            PackError: it is another.
        """
        if self.card.encoder not in identity:
            raise PackError(
                f"{self.folder}: was trained for encoder {self.card.encoder}, but the encoder at hand is "
                f"{identity[0]}; give the weights that it was trained with, or train again"
            )


def named_weights(decoder: "Decoder") -> dict[str, Any]:
    """The decoder's variables by name, such as `state_gates/kernel`; without the random states of dropout."""
    named = {"/".join(v.path.split("/")[1:]) or v.path: v for v in decoder.trainable_variables}
    if len(named) != len(decoder.trainable_variables):
        raise PackError(f"decoder {decoder.name}: two weights share a name; name every layer")
    return named


def assign_weights(decoder: "Decoder", weights: Mapping[str, NDArray[Any]]) -> None:
    """Give the decoder weights, as `named_weights` names them."""
    for name, variable in named_weights(decoder).items():
        variable.assign(np.asarray(weights[name], dtype=np.float32))


def save_pack(
    folder: Path, card: Card, weights: dict[str, NDArray[Any]], tokenizer: Tokenizer, pca: FeaturePCA | None
) -> Card:
    """Write a pack and return its card with the files' hashes. The card is written last: without it there is no pack.

    Args:
        folder: it is made if need be.
        card: all but `files`.
        weights: as `named_weights` names them; stored as float16.
        tokenizer: the language's tokenizer.
        pca: the map of the features, if one was used.
    """
    make_folder(folder)
    (folder / CARD).unlink(missing_ok=True)
    with atomic_path(folder / DECODER) as temporary:
        save_file({name: np.asarray(value, dtype=np.float16) for name, value in weights.items()}, temporary)
    tokenizer.save(folder / TOKENIZER)
    names = [DECODER, TOKENIZER]
    if pca is not None:
        pca.save(folder / PCA)
        names.append(PCA)
    entries = {n: FileEntry(size=(folder / n).stat().st_size, sha256=sha256_file(folder / n)) for n in names}
    card = card.model_copy(update={"files": entries})
    write_card(folder, card)
    return card


def load_pack(folder: Path) -> Pack:
    """Load a pack after checking every file against its card.

    Raises:
        PackError: there is no pack, or a file is missing, truncated or changed.
    """
    card = read_card(folder)
    for name, entry in card.files.items():
        _check_file(folder / name, entry)
    try:
        pca = FeaturePCA.load(folder / PCA) if PCA in card.files else None
        tokenizer = Tokenizer.load(folder / TOKENIZER)
    except (FeatureStoreError, TokenizerError) as error:
        raise PackError(str(error)) from error
    found = (pca.identity if pca else None, tokenizer.identity)
    if found != (card.pca, card.tokenizer):
        raise PackError(f"{folder}: its PCA or tokenizer is not the one that {CARD} names; install the pack again")
    sizes = (pca.components if pca else card.decoder.channels, tokenizer.vocab_size)
    if sizes != (card.decoder.channels, card.decoder.vocab_size):
        raise PackError(f"{folder}: its PCA or tokenizer is not of the sizes that {CARD} names; install the pack again")
    _read_decoder(folder, card.decoder)
    return Pack(folder, card, tokenizer, pca)


def _check_file(path: Path, entry: FileEntry) -> None:
    size = path.stat().st_size if path.is_file() else -1
    if size != entry.size:
        found = "missing" if size < 0 else f"{size:,} bytes long"
        raise PackError(f"{path}: is {found}; its card says {entry.size:,} bytes. Install the pack again")
    if sha256_file(path) != entry.sha256:
        raise PackError(f"{path}: its bytes are not those that its card names; install the pack again")


def _read_decoder(folder: Path, settings: DecoderSettings) -> dict[str, NDArray[Any]]:
    """The decoder's tensors, not fewer numbers than a decoder of these settings has at least."""
    tensors = _read_tensors(folder / DECODER)
    # before a decoder is built that may not fit in memory
    units, embedding = settings.units, settings.embedding
    least = settings.vocab_size * embedding + (embedding + units + 1) * 4 * units + settings.channels * units
    if sum(tensor.size for tensor in tensors.values()) < least:
        raise _other_tensors(folder)
    return tensors


def _load_decoder(folder: Path, settings: DecoderSettings) -> "Decoder":
    from polycap.decoder.model import build_decoder

    tensors = _read_decoder(folder, settings)
    decoder = build_decoder(settings)
    variables = named_weights(decoder)
    if {name: tuple(v.shape) for name, v in variables.items()} != {n: t.shape for n, t in tensors.items()}:
        raise _other_tensors(folder)
    assign_weights(decoder, tensors)
    return decoder


def _other_tensors(folder: Path) -> PackError:
    return PackError(f"{folder / DECODER}: its tensors are not those of the decoder in {CARD}")


def _read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, all of them finite floating-point numbers."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError, TypeError, AttributeError) as error:  # the last two: numbers that NumPy lacks
        raise PackError(f"{path}: is broken ({error}); install the pack again") from error
    for name, tensor in tensors.items():
        if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
            raise PackError(f"{path}: tensor {name!r} holds what is no number; install the pack again")
    return tensors
