"""A pack: the files of a trained decoder. Data only; no file of it is ever executed.

::

    decoder.safetensors   the decoder's weights, float16
    pca.safetensors       PCA from the encoder's channels to the decoder's, float16 (if one was used)
    tokenizer.model       SentencePiece
    card.json             sizes, encoder identity, data, terms, scores, hashes of the files above
    CARD.md               the card as Markdown
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from polycap.decoder.settings import DecoderSettings
from polycap.decoder.shapes import Shapes, weight_shapes
from polycap.decoder.weights import assign_weights
from polycap.encoder.pca import FeaturePCA
from polycap.errors import FeatureStoreError, PackError, TokenizerError
from polycap.files import atomic_path, make_folder, sha256_file
from polycap.files.tensors import parse_tensors
from polycap.pack.card import CARD_JSON, DECODER, PCA, TOKENIZER, Card, FileEntry, read_card
from polycap.pack.record import write_card
from polycap.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from polycap.decoder.base import Decoder

__all__ = ["Pack", "load_pack", "save_pack"]

Part = TypeVar("Part")


@dataclass(frozen=True)
class Pack:
    """A loaded pack.

    Attributes:
        folder: folder of the pack.
        card: model card.
        tokenizer: tokenizer of the language.
        pca: PCA of the features; None without one.
        weights: checked weights of the decoder, float16, by the names of `named_weights`.
    """

    folder: Path
    card: Card
    tokenizer: Tokenizer
    pca: FeaturePCA | None
    weights: Mapping[str, NDArray[Any]] = field(repr=False, compare=False)

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
            CaptionRuntimeError: the backend of Keras is not installed.
        """
        from polycap.decoder.kinds import build_decoder

        decoder = build_decoder(self.card.decoder)
        assign_weights(decoder, self.weights)
        return decoder

    def require_encoder(self, identity: Sequence[str]) -> None:
        """Check the encoder, see `Card.require_encoder`."""
        self.card.require_encoder(identity, self.folder)


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
    """Load a pack; read every file once, and check it against the card.

    Does not import Keras.

    Raises:
        PackError: there is no pack, or a file is missing, truncated, changed or of another decoder.
    """
    card = read_card(folder)
    contents = {name: _read_file(folder / name, entry) for name, entry in card.files.items()}
    pca = _parse(folder / PCA, contents, FeaturePCA.from_bytes) if PCA in contents else None
    tokenizer = _parse(folder / TOKENIZER, contents, Tokenizer.from_bytes)
    identities = (pca.identity if pca else None, tokenizer.identity)
    if identities != (card.pca, card.tokenizer):
        raise PackError(f"{folder}: its PCA or tokenizer is not the one that {CARD_JSON} names; install the pack again")
    sizes = (pca.components if pca else card.decoder.channels, tokenizer.vocab_size)
    if sizes != (card.decoder.channels, card.decoder.vocab_size):
        raise PackError(f"{folder}: its PCA or tokenizer is not of the sizes in {CARD_JSON}; install the pack again")
    weights, _ = _parse(folder / DECODER, contents, parse_tensors)
    _check_shapes(folder / DECODER, {name: tensor.shape for name, tensor in weights.items()}, card.decoder)
    return Pack(folder, card, tokenizer, pca, weights)


def _read_file(path: Path, entry: FileEntry) -> bytes:
    """Read a file; check its size and hash."""
    size = path.stat().st_size if path.is_file() else -1
    if size != entry.size:
        received = "missing" if size < 0 else f"{size:,} bytes long"
        raise PackError(f"{path}: is {received}; its card says {entry.size:,} bytes. Install the pack again")
    content = path.read_bytes()
    if sha256(content).hexdigest() != entry.sha256:
        raise PackError(f"{path}: its bytes are not those that its card names; install the pack again")
    return content


def _parse(path: Path, contents: Mapping[str, bytes], parse: Callable[[bytes], Part]) -> Part:
    """Parse the content of a file of the pack."""
    try:
        return parse(contents[path.name])
    except (FeatureStoreError, TokenizerError) as error:
        raise PackError(f"{path}: {error}; install the pack again") from error
    except (SafetensorError, ValueError) as error:
        raise PackError(f"{path}: is broken ({error}); install the pack again") from error


def _check_shapes(path: Path, received: Shapes, settings: DecoderSettings) -> None:
    """Check names and shapes of the decoder's weights."""
    expected = weight_shapes(settings)
    if received != expected:
        names = received.keys() | expected.keys()
        first = min(name for name in names if received.get(name) != expected.get(name))
        raise PackError(
            f"{path}: its tensors are not those of the decoder in {CARD_JSON} (first: {first!r:.60}); "
            "install the pack again"
        )
