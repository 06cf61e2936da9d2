"""What a decoder is built from: its sizes, validated, with each default in one place."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DecoderSettings", "DecoderSizes"]

DropoutRate = Annotated[float, Field(ge=0.0, lt=1.0)]


class DecoderSizes(BaseModel):
    """Sizes of a decoder that a recipe chooses; the others follow from tokenizer and features."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attention", "merge"] = "attention"
    units: int = Field(default=512, ge=1)
    embedding: int = Field(default=256, ge=1)
    feature_dropout: DropoutRate = 0.3
    embedding_dropout: DropoutRate = 0.3
    output_dropout: DropoutRate = 0.5


class DecoderSettings(DecoderSizes):
    """All sizes of a decoder; they travel in the pack and suffice to build it again."""

    vocab_size: int = Field(ge=5)
    cells: int = Field(default=100, ge=1, le=1 << 12)
    channels: int = Field(default=512, ge=1, le=1 << 13)
