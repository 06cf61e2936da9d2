"""Settings of the encoder's tuning, each default in one place."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["EncoderSettings"]


class EncoderSettings(BaseModel):
    """Settings of the encoder's tuning on words of captions.

    Attributes:
        epochs: passes over the train photos. (default: 5)
        words: number of frequent words of each language. (default: 1000)
        photos_per_batch: photos of a step. (default: 32)
        learning_rate: peak rate of the exit flow; 0 trains the classifier of words alone. (default: 1.5e-4)
        warmup_epochs: epochs in which the exit flow's rate rises to its peak, so that the classifier's first guesses do
            not spoil what Xception knows (Kumar et al., 2022, arXiv:2202.10054). (default: 1)
        head_rate: peak rate of the classifier of words. (default: 2e-3)
        weight_decay: decay of AdamW. (default: 0.05)
        dropout: dropout rate of the mean cell, 0 up to 1. (default: 0.5)
        share: interpolation factor from the untuned exit flow, 0, to the tuned one, 1, applied to the finished run, so
            that another one needs no training. (default: 1)
        checkpoint_steps: steps between checkpoints, beside those after each epoch. (default: 100)
        seed: seed of the order of photos, of mirroring and of dropout. (default: 0)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=5, ge=1)
    words: int = Field(default=1000, ge=1)
    photos_per_batch: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1.5e-4, ge=0)
    warmup_epochs: float = Field(default=1.0, ge=0)
    head_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    dropout: float = Field(default=0.5, ge=0, lt=1)
    share: float = Field(default=1.0, ge=0, le=1)
    checkpoint_steps: int = Field(default=100, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
