"""What a decoder is built from: its sizes, validated, with each default in one place."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DecoderSettings"]

DropoutRate = Annotated[float, Field(ge=0.0, lt=1.0)]


class DecoderSettings(BaseModel):
    """Sizes of a decoder; they travel in the pack and suffice to build it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attention", "merge"] = "attention"
    vocab_size: int = Field(ge=5)
    cells: int = Field(default=100, ge=1, le=1 << 12)
    channels: int = Field(default=512, ge=1, le=1 << 13)
    units: int = Field(default=512, ge=1)
    embedding: int = Field(default=256, ge=1)
    feature_dropout: DropoutRate = 0.3
    embedding_dropout: DropoutRate = 0.3
    output_dropout: DropoutRate = 0.5

    @property
    def attends(self) -> bool:
        """Whether the decoder weighs a photo's cells at each token."""
        return self.kind == "attention"
