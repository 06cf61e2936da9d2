"""What a training run is started with: validated, each default in one place."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from polycap.decoder.settings import DecoderSizes
from polycap.errors import TrainingError
from polycap.language import Language

__all__ = ["TrainingSettings", "parse_assignments", "parse_settings"]

Settings = TypeVar("Settings", bound=BaseModel)


class TrainingSettings(DecoderSizes):
    """The recipe. The defaults are those that the shipped English pack was trained with.

    Attributes:
        kind: decoder kind, attention or merge. (default: attention)
        units: LSTM units. (default: 512)
        embedding: channels of a token embedding. (default: 256)
        feature_dropout: dropout rate of the image features, 0 to 1. (default: 0.3)
        embedding_dropout: dropout rate of the token embeddings, 0 to 1. (default: 0.3)
        output_dropout: dropout rate before the output layer, 0 to 1. (default: 0.5)
        photos_per_batch: photos, each with all captions that are drawn of it.
        learning_rate, warmup_epochs, weight_decay: of AdamW; the peak rate, and the epochs until it.
        clip_norm: greatest norm of a gradient.
        label_smoothing: share of the probability that goes to other tokens, 0 up to 1.
        ema_decay, self_critical_ema_decay: decay per step of the averaged weights, which are what is kept.
        self_critical_reward: "cider", "bleu" or "both".
        self_critical_rate: learning rate of self-critical training.
        seed: of the initial weights, the dropout and the order of the photos.
    """

    epochs: int = Field(default=9, ge=0, description="of teacher forcing; 0: begin with a pack's own weights")
    photos_per_batch: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup_epochs: float = Field(default=1.0, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    clip_norm: float = Field(default=2.0, gt=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    ema_decay: float = Field(default=0.998, ge=0, lt=1)
    max_tokens: int = Field(default=30, ge=1, description="longer captions are cut, tokens")
    captions_per_photo: int = Field(default=5, ge=1, description="of more, this many are drawn each epoch")
    self_critical_epochs: int = Field(default=3, ge=0, description="after those of teacher forcing")
    self_critical_reward: Literal["cider", "bleu", "both"] = "both"
    self_critical_rate: float = Field(default=1e-4, gt=0)
    self_critical_share: float = Field(default=0.5, gt=0, le=1, description="how far towards them the weights go")
    self_critical_samples: int = Field(default=5, ge=2, description="captions drawn of each photo")
    self_critical_ema_decay: float = Field(default=0.99, ge=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**32)


def parse_settings(assignments: Sequence[str], language: Language | None = None) -> TrainingSettings:
    """Settings from `name=value` strings, such as `epochs=20`; what is not named is the language's, else the default.

    Raises:
        TrainingError: no such setting, or a value that it does not allow.
    """
    return parse_assignments(TrainingSettings, assignments, language.decoder.given() if language else {})


def parse_assignments(
    kind: type[Settings], assignments: Sequence[str], values: Mapping[str, str | int | float] = MappingProxyType({})
) -> Settings:
    """Return settings from `name=value` strings, over `values`.

    Raises:
        TrainingError: no such setting, or a value that it does not allow.
    """
    chosen = dict(values)
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or name not in kind.model_fields:
            known = ", ".join(kind.model_fields)
            raise TrainingError(f"{assignment!r}: expected NAME=VALUE, where NAME is one of {known}")
        chosen[name] = value
    try:
        return kind.model_validate(chosen)
    except ValidationError as error:
        first = error.errors()[0]
        raise TrainingError(f"{first['loc'][0]}={first['input']}: {first['msg']}") from error
