"""The optimizers of the two phases, each with its schedule of the learning rate."""

from typing import Any

from polycap.backend import keras
from polycap.training.settings import TrainingSettings

__all__ = ["self_critical_optimizer", "teacher_forcing_optimizer"]


class _OnePass:
    """With TensorFlow, its own kernel for Keras' Adam and AdamW: the same numbers, weights gone through once.

    Keras' formula goes through them a dozen times, which took a twentieth of a training step.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]
            return
        import tensorflow as tf

        adam: Any = self
        place = adam._get_variable_index(variable)
        # Keras hands on its own variables or TensorFlow's
        weight, mean, square = (
            each.value if isinstance(each, keras.Variable) else each
            for each in (variable, adam._momentums[place], adam._velocities[place])
        )
        step = tf.cast(adam.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=mean.handle,
            v=square.handle,
            beta1_power=adam.beta_1**step,
            beta2_power=adam.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=adam.beta_1,
            beta2=adam.beta_2,
            epsilon=adam.epsilon,
            grad=tf.convert_to_tensor(gradient),  # an embedding's may be of some rows
        )


class Adam(_OnePass, keras.optimizers.Adam):  # type: ignore[misc]
    """Kingma and Ba (2015), arXiv:1412.6980."""


class AdamW(_OnePass, keras.optimizers.AdamW):  # type: ignore[misc]
    """Loshchilov and Hutter (2019), arXiv:1711.05101."""


def teacher_forcing_optimizer(settings: TrainingSettings, steps: int) -> Any:
    """AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101) without decay of biases and embeddings.

    `steps` are those of an epoch.
    """
    schedule = _schedule(settings.learning_rate, settings.epochs * steps, round(settings.warmup_epochs * steps))
    optimizer = AdamW(schedule, weight_decay=settings.weight_decay, global_clipnorm=settings.clip_norm)
    optimizer.exclude_from_weight_decay(var_names=["bias", "place", "embedding"])
    return optimizer


def self_critical_optimizer(settings: TrainingSettings, steps: int) -> Any:
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980) at a low rate; `steps` are those of an epoch."""
    schedule = _schedule(settings.self_critical_rate, settings.self_critical_epochs * steps, steps // 4)
    return Adam(schedule, beta_2=0.99, global_clipnorm=settings.clip_norm)


def _schedule(rate: float, steps: int, warmup: int) -> Any:
    """Linear warm-up, then a cosine to zero (Loshchilov and Hutter, 2017, arXiv:1608.03983)."""
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else rate,
        max(1, steps - warmup),
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )
