"""A pack: the files of a trained decoder. Data only; no file of it is ever executed.

::

    decoder.safetensors   the decoder's own weights: kernels and embeddings int8 with float16 scales, the rest float16
    tokenizer.model       SentencePiece
    card.json             sizes, encoder identity, data, terms, scores, hashes of the files above
    CARD.md               the card as Markdown

PCA and photo layers are the encoder's, see `polycap.encoder.artefact`: all languages share them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from polycap.decoder.settings import DecoderSettings
from polycap.decoder.shapes import Shapes, photo_shapes, weight_shapes
from polycap.decoder.weights import assign_weights
from polycap.encoder.artefact import EncoderArtefact, open_encoder
from polycap.encoder.int8 import load_int8, output_axes, save_int8
from polycap.encoder.pca import FeaturePCA
from polycap.errors import PackError, TokenizerError
from polycap.files import make_folder, sha256_file
from polycap.pack.card import CARD_JSON, DECODER, TOKENIZER, Card, FileEntry, read_card
from polycap.pack.record import write_card
from polycap.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from polycap.decoder.base import Decoder

__all__ = ["Pack", "check_files", "load_pack", "save_pack"]

Part = TypeVar("Part")


@dataclass(frozen=True)
class Pack:
    """A loaded pack.

    Attributes:
        folder: folder of the pack.
        card: model card.
        tokenizer: tokenizer of the language.
        encoder: artefact of the encoder, which has the pack's PCA and photo layers.
        own_weights: checked weights of the decoder without the photo layers, float32, by the names of `named_weights`.
    """

    folder: Path
    card: Card
    tokenizer: Tokenizer
    encoder: EncoderArtefact
    own_weights: Mapping[str, NDArray[Any]] = field(repr=False, compare=False)

    @property
    def pca(self) -> FeaturePCA:
        """PCA of the features."""
        return self.encoder.pca

    @cached_property
    def weights(self) -> Mapping[str, NDArray[Any]]:
        """All weights of the decoder, float32, by the names of `named_weights`.

        Raises:
            PackError: the encoder's photo layers are of another size.
        """
        shapes = photo_shapes(self.card.decoder)
        layers = self.encoder.photo_layers if shapes else {}
        _check_shapes(self.encoder.folder, {name: layer.shape for name, layer in layers.items()}, shapes)
        return {**self.own_weights, **layers}

    def require_grid(self, cells: int, channels: int) -> None:
        """Check that the pack can read an encoder's output, `(photos, cells, channels)`.

        Raises:
            PackError: the pack reads another number of cells or channels.
        """
        own_cells, own_channels = self.card.decoder.cells, self.pca.channels
        if (own_cells, own_channels) != (cells, channels):
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

    def require_encoder(self, identity: str) -> None:
        """Check that a loaded encoder, which computes the cells, is that of the pack's artefact.

        Raises:
            PackError: it is another encoder.
        """
        if identity != self.encoder.features:
            raise PackError(
                f"{self.folder}: reads cells of encoder {self.encoder.features}, but the one that was loaded is "
                f"{identity}; load the encoder of the same artefact"
            )


def save_pack(folder: Path, card: Card, weights: Mapping[str, Any], tokenizer: Tokenizer) -> Card:
    """Write a pack and return its card with the files' hashes. The card is written last: it marks a complete pack.

    Args:
        folder: folder to write to; it is created.
        card: card without `files`.
        weights: weights by the names of `named_weights`; the photo layers among them are left out, since they are the
            encoder's.
        tokenizer: tokenizer of the language.
    """
    make_folder(folder)
    (folder / CARD_JSON).unlink(missing_ok=True)
    own = {name: np.asarray(weights[name]) for name in _own_shapes(card.decoder)}
    save_int8(folder / DECODER, own, output_axes(own))
    tokenizer.save(folder / TOKENIZER)
    entries = {
        name: FileEntry(size=(folder / name).stat().st_size, sha256=sha256_file(folder / name))
        for name in (DECODER, TOKENIZER)
    }
    card = card.model_copy(update={"files": entries})
    write_card(folder, card)
    return card


def load_pack(folder: Path, encoder: EncoderArtefact | None = None) -> Pack:
    """Load a pack; read every file once, and check it against the card.

    Does not import Keras.

    Args:
        folder: folder of the pack.
        encoder: the encoder in use. (default: that of `open_encoder()`)

    Raises:
        PackError: there is no pack, it is of another encoder, or a file is missing, truncated, changed or of another
            decoder.
        EncoderError: there is no encoder, or it is broken.
    """
    card = read_card(folder)
    encoder = encoder or open_encoder()
    card.require_encoder(encoder, folder)
    contents = check_files(folder, card)
    tokenizer = _parse(folder / TOKENIZER, contents, Tokenizer.from_bytes)
    if tokenizer.identity != card.tokenizer:
        raise PackError(f"{folder}: its tokenizer is not the one that {CARD_JSON} names; install the pack again")
    sizes = (encoder.pca.components, tokenizer.vocab_size)
    if sizes != (card.decoder.channels, card.decoder.vocab_size):
        raise PackError(f"{folder}: PCA or tokenizer are not of the sizes in {CARD_JSON}; install the pack again")
    weights = _parse(folder / DECODER, contents, load_int8)
    shapes = {name: weight.shape for name, weight in weights.items()}
    _check_shapes(folder / DECODER, shapes, _own_shapes(card.decoder))
    return Pack(folder, card, tokenizer, encoder, weights)


def check_files(folder: Path, card: Card) -> dict[str, bytes]:
    """Read a pack's files, check sizes and hashes against its card, and return the contents by name.

    Raises:
        PackError: a file is missing, truncated or changed.
    """
    return {name: _read_file(folder / name, entry) for name, entry in card.files.items()}


def _own_shapes(settings: DecoderSettings) -> Shapes:
    """Return the shapes of a decoder's weights without the photo layers."""
    of_photo = photo_shapes(settings)
    return {name: shape for name, shape in weight_shapes(settings).items() if name not in of_photo}


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
    except TokenizerError as error:
        raise PackError(f"{path}: {error}; install the pack again") from error
    except (SafetensorError, ValueError) as error:
        raise PackError(f"{path}: is broken ({error}); install the pack again") from error


def _check_shapes(path: Path, received: Shapes, expected: Shapes) -> None:
    """Check names and shapes of weights."""
    if received != expected:
        names = received.keys() | expected.keys()
        first = min(name for name in names if received.get(name) != expected.get(name))
        raise PackError(
            f"{path}: its tensors are not those of the decoder in {CARD_JSON} (first: {first!r:.60}); "
            "install the pack again"
        )
