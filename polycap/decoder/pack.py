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
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
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
from polycap.decoder.shapes import Shapes, weight_shapes
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

_FLOATS = frozenset({"F16", "F32", "F64"})
"""The kinds of floating-point numbers that NumPy has, as safetensors names them."""


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
            PackError: its file has changed since the pack was loaded.
            CaptionRuntimeError: the backend of Keras is not installed.
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
    """Return the decoder's variables by the names in `polycap.decoder.shapes`, in that order.

    A name is a path of attributes, whatever Keras calls the variable: `state_gates/kernel` is
    `decoder.state_gates.kernel`. The random states of dropout have none.

    Raises:
        PackError: a weight has no name.
    """
    named = {name: attrgetter(name.replace("/", "."))(decoder) for name in weight_shapes(decoder.settings)}
    nameless = {id(v) for v in decoder.trainable_variables} - {id(v) for v in named.values()}
    if nameless:
        raise PackError(
            f"decoder {decoder.settings.kind}: {len(nameless)} of its weights have no name in polycap.decoder.shapes; "
            "add them there"
        )
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
    """Load a pack after checking every file against its card, and the decoder's weights against its settings.

    Keras is not needed.

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
    found = (pca.identity if pca else None, tokenizer.identity)
    if found != (card.pca, card.tokenizer):
        raise PackError(f"{folder}: its PCA or tokenizer is not the one that {CARD} names; install the pack again")
    sizes = (pca.components if pca else card.decoder.channels, tokenizer.vocab_size)
    if sizes != (card.decoder.channels, card.decoder.vocab_size):
        raise PackError(f"{folder}: its PCA or tokenizer is not of the sizes that {CARD} names; install the pack again")
    _read_tensors(folder / DECODER, weight_shapes(card.decoder))
    return Pack(folder, card, tokenizer, pca)


def _check_file(path: Path, entry: FileEntry) -> None:
    size = path.stat().st_size if path.is_file() else -1
    if size != entry.size:
        found = "missing" if size < 0 else f"{size:,} bytes long"
        raise PackError(f"{path}: is {found}; its card says {entry.size:,} bytes. Install the pack again")
    if sha256_file(path) != entry.sha256:
        raise PackError(f"{path}: its bytes are not those that its card names; install the pack again")


def _load_decoder(folder: Path, settings: DecoderSettings) -> "Decoder":
    from polycap.decoder.model import build_decoder

    tensors = _read_tensors(folder / DECODER, weight_shapes(settings))
    decoder = build_decoder(settings)
    assign_weights(decoder, tensors)
    return decoder


def _read_tensors(path: Path, shapes: Shapes) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, all of them finite floating-point numbers, of these shapes."""
    try:
        _check_header(path, shapes)
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise PackError(f"{path}: is broken ({error}); install the pack again") from error
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise _no_numbers(path, name)
    return tensors


def _check_header(path: Path, shapes: Shapes) -> None:
    """Compare what a safetensors file says that it holds; no tensor is read."""
    found: Shapes = {}
    with safe_open(path, framework="numpy") as file:
        for name in sorted(file.keys()):
            header = file.get_slice(name)
            found[name] = tuple(header.get_shape())
            if header.get_dtype() not in _FLOATS:
                raise _no_numbers(path, name)
    if found != shapes:
        first = min(name for name in found.keys() | shapes.keys() if found.get(name) != shapes.get(name))
        raise PackError(
            f"{path}: its tensors are not those of the decoder in {CARD} (first: {first!r:.60}); install the pack again"
        )


def _no_numbers(path: Path, name: str) -> PackError:
    return PackError(f"{path}: tensor {name!r:.60} holds what is no number; install the pack again")
