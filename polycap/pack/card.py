"""`card.json`: description of a pack. Does not import Keras."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, field_validator

from polycap.decoder.settings import DecoderSettings
from polycap.errors import PackError
from polycap.files import digest, read_json
from polycap.language.language import PACK_CARD
from polycap.language.settings import DecodingSettings

if TYPE_CHECKING:
    from polycap.encoder.artefact import EncoderArtefact

__all__ = [
    "CARD_JSON",
    "CARD_MD",
    "DECODER",
    "TOKENIZER",
    "Card",
    "FileEntry",
    "card_hash",
    "read_card",
]

DECODER, TOKENIZER, CARD_JSON, CARD_MD = "decoder.safetensors", "tokenizer.model", PACK_CARD, "CARD.md"
_SCHEMA = 2


_METRICS = ("bleu1", "bleu2", "bleu3", "bleu4", "chrf", "cider_d", "rouge_l")
_SHORT = ("split", "photos", "references_origin", "references_per_photo", *_METRICS, "signature")
_SUBJECT = ("split", "references_origin", "signature")
"""Required keys of a row of scores."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileEntry(_Strict):
    """Size of a file in bytes, and its hash."""

    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Card(_Strict):
    """Model card, as in `card.json`.

    Attributes:
        schema_version: version of the format. (default: 2)
        language: code of the language.
        decoder: settings of the decoder.
        encoder: identity of the encoder's artefact, with its PCA and photo layers.
        tokenizer: identity of the tokenizer.
        data: description of the training data.
        terms: terms of use.
        training: settings and results of the training.
        decoding: settings of the search that the build chose on the dev split, no others. (default: None, none chosen)
        calibration: calibration of the captions' certainty. (default: None, not calibrated)
        scores: rows of scores. (default: none)
        created: date of the training.
        versions: versions of libraries, by name.
        files: size and hash of the pack's files, by name.
    """

    schema_version: int = Field(alias="schema", default=_SCHEMA)
    language: str = Field(pattern="^[A-Za-z0-9-]{1,64}$")
    decoder: DecoderSettings
    encoder: str = Field(pattern="^[!-~]{1,64}$")
    tokenizer: str
    data: dict[str, Any]
    terms: list[str]
    training: dict[str, Any]
    decoding: DecodingSettings | None = None
    calibration: dict[str, Any] | None = None
    scores: list[dict[str, Any]] = Field(default_factory=list)
    created: str = Field(pattern="^[0-9-]{1,10}$")
    versions: dict[str, str]
    files: dict[str, FileEntry] = Field(default_factory=dict)

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins of the captions that the pack learned from, such as human and mt:argos."""
        return tuple(filter(None, str(self.data.get("caption origin", "")).split("+")))

    @property
    def short_scores(self) -> list[dict[str, Any]]:
        """Scores without intervals, agreement and known failures."""
        return [{key: row[key] for key in _SHORT if key in row} for row in self.scores]

    def search_settings(self, own: DecodingSettings) -> DecodingSettings:
        """Return the settings of the search: what `language.toml` sets, else what the build chose, else the defaults.

        Args:
            own: the language's `[decoding]`.
        """
        if self.decoding is None:
            return own
        chosen = self.decoding.model_dump(include=self.decoding.model_fields_set & {*own.left_open})
        if "min_length" in chosen:
            chosen["min_length"] = min(chosen["min_length"], own.max_length)
        return own.model_copy(update=chosen)

    @field_serializer("decoding")
    def _chosen_alone(self, decoding: DecodingSettings | None) -> dict[str, Any] | None:
        return None if decoding is None else decoding.model_dump(exclude_unset=True)

    def require_encoder(self, artefact: "EncoderArtefact", folder: Path) -> None:
        """Check that the encoder is the one that the decoder was trained with.

        Args:
            artefact: the encoder in use.
            folder: folder of the pack, for the message.

        Raises:
            PackError: it is another encoder.
        """
        if self.encoder != artefact.identity:
            raise PackError(
                f"{folder}: is of encoder {self.encoder}, but the encoder in use is {artefact.identity} "
                f"({artefact.folder}); make the pack anew with `polycap build {self.language}`, or give its encoder "
                "(`encoder`)"
            )

    @field_validator("scores")
    @classmethod
    def _name_their_subject(cls, scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in scores:
            if not all(isinstance(row.get(key), str) for key in _SUBJECT):
                raise ValueError(f"each row needs {', '.join(_SUBJECT)}, in quotes")
        return scores


def read_card(folder: Path) -> Card:
    """Read and check the card of the pack in `folder`.

    Raises:
        PackError: there is no pack, or its card is broken.
    """
    if not (folder / CARD_JSON).is_file():
        raise PackError(f"{folder}: no trained pack here ({CARD_JSON} is missing); train one with `polycap train`")
    content = read_json(folder / CARD_JSON, PackError)
    if content.get("schema") == 1:
        raise PackError(
            f"{folder / CARD_JSON}: a pack of schema 1, which had an encoder of its own; this polycap reads {_SCHEMA}: "
            "install the language's new pack, or make it anew with `polycap build`"
        )
    if content.get("schema") != _SCHEMA:  # checked before the keys, which another schema may change
        raise PackError(
            f"{folder / CARD_JSON}: schema {content.get('schema')}; this polycap reads {_SCHEMA}: update polycap"
        )
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = repr(".".join(map(str, first["loc"])))[1:-1]  # untrusted keys may contain escape sequences
        raise PackError(f"{folder / CARD_JSON}:{where}: {first['msg']}; install the pack again") from error
    missing = [name for name in (DECODER, TOKENIZER) if name not in card.files]
    if missing:
        raise PackError(f"{folder / CARD_JSON}:files: does not name {' and '.join(missing)}; install the pack again")
    unknown = [name for name in card.files if name not in (DECODER, TOKENIZER)]  # may be a path outside the pack
    if unknown:
        raise PackError(f"{folder / CARD_JSON}:files: names {unknown[0]!r}, which no pack has; install the pack again")
    return card


def card_hash(card: Card) -> str:
    """Return the hash of a card's files: the same for a pack and its copy, whatever scores were entered since."""
    return digest({name: entry.model_dump() for name, entry in card.files.items()})
