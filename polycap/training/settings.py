"""Settings of a training run, validated."""

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
    """Settings of a training run. The defaults are those of the shipped English pack.

    For the sizes of the decoder see `DecoderSizes`.

    Attributes:
        epochs: number of epochs of teacher forcing; 0 keeps the weights of the initial pack. (default: 7)
        photos_per_batch: photos per batch. (default: 32)
        learning_rate: peak learning rate of AdamW. (default: 2e-3)
        warmup_epochs: epochs until the peak learning rate. (default: 1)
        weight_decay: weight decay of AdamW. (default: 0.05)
        clip_norm: maximum norm of the gradient. (default: 2)
        label_smoothing: probability that label smoothing assigns to the other tokens, 0 to 1. (default: 0.1)
        ema_decay: decay per step of the averaged weights, which are evaluated and saved, 0 to 1. (default: 0.998)
        max_tokens: maximum length of a caption, tokens; longer captions are cut. (default: 30)
        captions_per_photo: maximum number of captions per photo and epoch; more are sampled. (default: 5)
        self_critical_epochs: number of epochs of self-critical training, after teacher forcing. (default: 1)
        self_critical_reward: reward of sampled captions: cider, bleu or both. (default: both)
        self_critical_rate: peak learning rate of self-critical training. (default: 1e-4)
        self_critical_share: interpolation factor between the weights of teacher forcing and those of self-critical
            training, 0 to 1; those of self-critical training are kept where they score higher. (default: 0.5)
        self_critical_samples: captions sampled per photo. (default: 5)
        self_critical_ema_decay: decay per step of the averaged weights in self-critical training. (default: 0.99)
        seed: seed of initial weights, dropout and sampling. (default: 0)
    """

    epochs: int = Field(default=7, ge=0)
    photos_per_batch: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    warmup_epochs: float = Field(default=1.0, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    clip_norm: float = Field(default=2.0, gt=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    ema_decay: float = Field(default=0.998, ge=0, lt=1)
    max_tokens: int = Field(default=30, ge=1)
    captions_per_photo: int = Field(default=5, ge=1)
    self_critical_epochs: int = Field(default=1, ge=0)
    self_critical_reward: Literal["cider", "bleu", "both"] = "both"
    self_critical_rate: float = Field(default=1e-4, gt=0)
    self_critical_share: float = Field(default=0.5, gt=0, le=1)
    self_critical_samples: int = Field(default=5, ge=2)
    self_critical_ema_decay: float = Field(default=0.99, ge=0, lt=1)
    seed: int = Field(default=0, ge=0, lt=2**32)


def parse_settings(assignments: Sequence[str], language: Language | None = None) -> TrainingSettings:
    """Parse settings.

    Args:
        assignments: `NAME=VALUE` strings, such as `epochs=20`.
        language: language whose folder sets defaults. (default: none)

    Raises:
        TrainingError: a setting is unknown, or its value is not allowed.
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
