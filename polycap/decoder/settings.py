"""Decoder settings: kind, sizes and dropout rates, validated."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DecoderSettings", "DecoderSizes"]

DropoutRate = Annotated[float, Field(ge=0.0, lt=1.0)]


class DecoderSizes(BaseModel):
    """Sizes of a decoder that a recipe chooses; the others follow from tokenizer and features.

    Attributes:
        kind: decoder kind, attention or merge. (default: attention)
        units: LSTM units. (default: 512)
        embedding: channels of a token embedding. (default: 256)
        feature_dropout: dropout rate of the image features, 0 to 1. (default: 0.3)
        embedding_dropout: dropout rate of the token embeddings, 0 to 1. (default: 0.3)
        output_dropout: dropout rate before the output layer, 0 to 1. (default: 0.5)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attention", "merge"] = "attention"
    units: int = Field(default=512, ge=1)
    embedding: int = Field(default=256, ge=1)
    feature_dropout: DropoutRate = 0.3
    embedding_dropout: DropoutRate = 0.3
    output_dropout: DropoutRate = 0.5

    @property
    def attends(self) -> bool:
        """Whether the decoder weighs a photo's cells at each token."""
        return self.kind == "attention"


class DecoderSettings(DecoderSizes):
    """Settings of a decoder, stored in a pack's card; enough to build the decoder again.

    Attributes:
        vocab_size: number of tokens.
        cells: number of image cells. (default: 100)
        channels: channels of each image cell. (default: 512)
    """

    vocab_size: int = Field(ge=5)
    cells: int = Field(default=100, ge=1, le=1 << 12)
    channels: int = Field(default=512, ge=1, le=1 << 13)
