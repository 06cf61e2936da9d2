"""`card.json` of an encoder's artefact. Does not import Keras."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polycap.errors import EncoderError
from polycap.files import read_json

__all__ = ["ENCODER_CARD", "EncoderCard", "read_encoder_card"]

ENCODER_CARD = "card.json"
SCHEMA = 1


class EncoderCard(BaseModel):
    """Card of an encoder. Its identities follow from the card alone.

    Attributes:
        schema_version: version of the format. (default: 1)
        tensors: `tensors_hash` of Xception's rounded tensors.
        pca: identity of the PCA; None until there is one.
        photo_layers: hash of the rounded photo layers; None until there are some.
        data: description of what it learned from.
        terms: terms of use.
        training: settings and results of the tuning.
        scores: rows of scores. (default: none)
        created: date of the tuning.
        size, sha256: size in bytes and hash of the file of tensors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: int = Field(alias="schema", default=SCHEMA)
    tensors: str = Field(default="", pattern="^[0-9a-f]{0,64}$")
    pca: str | None = Field(default=None, pattern="^[0-9a-f]{1,64}$")
    photo_layers: str | None = Field(default=None, pattern="^[0-9a-f]{1,64}$")
    data: dict[str, Any]
    terms: list[str]
    training: dict[str, Any]
    scores: list[dict[str, Any]] = Field(default_factory=list)
    created: str = Field(pattern="^[0-9-]{1,10}$")
    size: int = Field(default=0, ge=0)
    sha256: str = Field(default="", pattern="^[0-9a-f]{0,64}$")


def read_encoder_card(folder: Path) -> EncoderCard:
    """Read and check the card of the encoder in `folder`.

    Raises:
        EncoderError: there is no encoder, or its card is broken.
    """
    path = folder / ENCODER_CARD
    if not path.is_file():
        raise EncoderError(
            f"{folder}: no encoder here ({ENCODER_CARD} is missing); name the folder of one that `polycap "
            "tune-encoder` made (`encoder`)"
        )
    content = read_json(path, EncoderError)
    if content.get("schema") != SCHEMA:  # checked before the keys, which another schema may change
        raise EncoderError(f"{path}: schema {content.get('schema')}; this polycap reads {SCHEMA}: update polycap")
    try:
        return EncoderCard.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = repr(".".join(map(str, first["loc"])))[1:-1]  # untrusted keys may contain escape sequences
        raise EncoderError(f"{path}:{where}: {first['msg']}; install the encoder again") from error
