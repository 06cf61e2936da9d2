"""Optimizers of the two phases, with their learning rate schedules."""

from typing import Any

from polycap.machine.backend import keras
from polycap.training.settings import TrainingSettings

__all__ = ["exit_flow_optimizer", "self_critical_optimizer", "teacher_forcing_optimizer"]


def teacher_forcing_optimizer(settings: TrainingSettings, steps: int) -> Any:
    """Return AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101), without weight decay of biases and embeddings.

    Args:
        settings: settings of the run.
        steps: number of steps per epoch.
    """
    schedule = _schedule(settings.learning_rate, settings.epochs * steps, round(settings.warmup_epochs * steps))
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay, global_clipnorm=settings.clip_norm)
    optimizer.exclude_from_weight_decay(var_names=["bias", "place", "embedding"])
    return optimizer


def self_critical_optimizer(settings: TrainingSettings, steps: int) -> Any:
    """Return Adam (Kingma and Ba, 2015, arXiv:1412.6980) with the rate of self-critical training.

    Args:
        settings: settings of the run.
        steps: number of steps per epoch.
    """
    schedule = _schedule(settings.self_critical_rate, settings.self_critical_epochs * steps, steps // 4)
    return keras.optimizers.Adam(schedule, beta_2=0.99, global_clipnorm=settings.clip_norm)


def exit_flow_optimizer(rate: float, weight_decay: float, steps: int, warmup: int) -> Any:
    """Return AdamW without decay of biases; its rate falls from `rate` to zero by step `steps`, after a warm-up."""
    optimizer = keras.optimizers.AdamW(_schedule(rate, steps, warmup), weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def _schedule(rate: float, steps: int, warmup: int) -> Any:
    """Return a linear warm-up, then a cosine decay to zero (Loshchilov and Hutter, 2017, arXiv:1608.03983)."""
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else rate,
        max(1, steps - warmup),
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )
