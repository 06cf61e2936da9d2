"""A pack: what training leaves for use. Data only; nothing in it is ever executed.

::

    decoder.safetensors   the decoder's weights, float16
    pca.safetensors       the map from the encoder's channels to the decoder's, float16 (if one was used)
    tokenizer.model       SentencePiece
    card.json             what it is: sizes, encoder identity, data, terms, scores, hashes of the files above
    CARD.md               the same for people
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from polycap.decoder.settings import DecoderSettings
from polycap.errors import FeatureStoreError, PackError, TokenizerError
from polycap.features.pca import FeaturePCA
from polycap.files import atomic_path, make_folder, read_json, sha256_file, write_json, write_text
from polycap.tokenizer import Tokenizer

if TYPE_CHECKING:  # it brings Keras, which only `Pack.decoder` needs
    from polycap.decoder.base import Decoder

__all__ = [
    "Card",
    "FileEntry",
    "Pack",
    "load_pack",
    "named_weights",
    "read_card",
    "record_scores",
    "save_pack",
    "write_card",
]

DECODER, PCA, TOKENIZER, CARD, CARD_TEXT = (
    "decoder.safetensors",
    "pca.safetensors",
    "tokenizer.model",
    "card.json",
    "CARD.md",
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileEntry(_Strict):
    """A file's size in bytes and its hash."""

    size: int
    sha256: str


class Card(_Strict):
    """The model card, as it stands in `card.json`."""

    schema_version: int = Field(alias="schema", default=1)
    language: str
    decoder: DecoderSettings
    encoder: str
    pca: str | None
    tokenizer: str
    data: dict[str, Any]
    terms: list[str]
    training: dict[str, Any]
    scores: list[dict[str, Any]] = Field(default_factory=list)
    created: str
    versions: dict[str, str]
    files: dict[str, FileEntry] = Field(default_factory=dict)

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


@dataclass(frozen=True)
class Pack:
    """A loaded pack."""

    folder: Path
    card: Card
    tokenizer: Tokenizer
    pca: FeaturePCA | None

    @cached_property
    def decoder(self) -> "Decoder":
        """The decoder, built by Keras when it is first asked for.

        Raises:
            PackError: its weights are not those of the decoder in the card.
        """
        return _load_decoder(self.folder, self.card.decoder)

    def require_encoder(self, identity: str) -> None:
        """Check that an encoder is the one that the decoder was trained with.

        Raises:
            PackError: it is another.
        """
        if self.card.encoder != identity:
            raise PackError(
                f"{self.folder}: was trained for encoder {self.card.encoder}, but the encoder at hand is {identity}; "
                "give the weights that it was trained with, or train again"
            )


def named_weights(decoder: "Decoder") -> dict[str, Any]:
    """The decoder's variables by name, such as `state_gates/kernel`; without the random states of dropout."""
    named = {"/".join(v.path.split("/")[1:]) or v.path: v for v in decoder.trainable_variables}
    if len(named) != len(decoder.trainable_variables):
        raise PackError(f"decoder {decoder.name}: two weights share a name; name every layer")
    return named


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


def write_card(folder: Path, card: Card) -> None:
    """Write `CARD.md` and `card.json`."""
    from polycap.decoder.card import card_text

    write_text(folder / CARD_TEXT, card_text(card))
    write_json(folder / CARD, card.model_dump(mode="json", by_alias=True))


def record_scores(folder: Path, scores: dict[str, Any]) -> None:
    """Enter scores in a pack's card, in place of those of the same split, references and text."""
    card = read_card(folder)

    def subject(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["split"], row["references_origin"], row["signature"].rsplit("text:", 1)[-1]

    kept = [row for row in card.scores if subject(row) != subject(scores)]
    write_card(folder, card.model_copy(update={"scores": [*kept, scores]}))


def read_card(folder: Path) -> Card:
    """The card in `folder`.

    Raises:
        PackError: there is no pack, or its card is broken.
    """
    if not (folder / CARD).is_file():
        raise PackError(f"{folder}: no trained pack here ({CARD} is missing); train one with `polycap train`")
    content = read_json(folder / CARD, PackError)
    if content.get("schema") != 1:  # first: a later schema has keys that are unknown here
        raise PackError(f"{folder / CARD}: schema {content.get('schema')}; this polycap reads 1: update polycap")
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PackError(f"{folder / CARD}:{where}: {first['msg']}; install the pack again") from error
    unnamed = [name for name in (DECODER, TOKENIZER) if name not in card.files]
    if unnamed:
        raise PackError(f"{folder / CARD}:files: does not name {' and '.join(unnamed)}; install the pack again")
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

    decoder = build_decoder(settings)
    try:
        tensors = load_file(folder / DECODER)
    except SafetensorError as error:
        raise PackError(f"{folder / DECODER}: is broken ({error}); install the pack again") from error
    variables = named_weights(decoder)
    if {name: tuple(v.shape) for name, v in variables.items()} != {n: t.shape for n, t in tensors.items()}:
        raise PackError(f"{folder / DECODER}: its tensors are not those of the decoder in {CARD}")
    for name, variable in variables.items():
        variable.assign(tensors[name].astype(np.float32))
    return decoder
