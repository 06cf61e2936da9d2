"""The loss of teacher forcing."""

from typing import Any

from polycap.backend import keras
from polycap.tokenizer import PAD

__all__ = ["TokenLoss", "in_rows", "token_entropy"]

ops = keras.ops

LEAST = 1e-30
"""What a probability counts as at least: one too small for float32 is 0, and has no logarithm."""


class TokenLoss(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy per token with label smoothing (Szegedy et al., 2016, arXiv:1512.00567), `<pad>` left out.

    `call` takes targets `(…,) int32` and logits `(…, vocab_size) float32` and gives one number, nats per token.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="token_loss", reduction="none")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        targets = ops.reshape(y_true, (-1,))
        real = ops.cast(targets != PAD, "float32")
        weights = real / ops.maximum(ops.sum(real), 1.0)
        return ops.sum(token_entropy(in_rows(y_pred), targets, self.smoothing) * weights)


def in_rows(logits: Any) -> Any:
    """`(…, vocab_size)` → `(rows, vocab_size)`."""
    return ops.reshape(logits, (-1, ops.shape(logits)[-1]))  # TensorFlow may not know it yet


def token_entropy(logits: Any, targets: Any, smoothing: float = 0.0) -> Any:
    """`(rows, vocab_size) float32`, `(rows,) int32` → each row's smoothed cross-entropy, `(rows,) float32`, nats.

    With the softmax p, a row's entropy is -log p(target) + smoothing · (target's logit - mean logit), and its gradient
    p - smoothed target. That is written out: derived, it took four times as long and a third of a training step, for
    the memory that it goes through.
    """
    even = smoothing / ops.cast(ops.shape(logits)[-1], "float32")
    targets = ops.cast(ops.expand_dims(targets, 1), "int32")  # Keras hands on what is compared as float32

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def entropy(logits: Any) -> Any:
        probabilities = ops.softmax(logits)
        chosen = ops.maximum(ops.take_along_axis(probabilities, targets, axis=-1), LEAST)
        beyond = ops.take_along_axis(logits, targets, axis=-1) - ops.mean(logits, axis=-1, keepdims=True)
        rows = smoothing * beyond - ops.log(chosen)

        def gradient(*upstream: Any, **named: Any) -> Any:
            weight = ops.expand_dims(named["upstream"] if named else upstream[0], 1)
            slope = (probabilities - even) * weight
            places = ops.concatenate([ops.expand_dims(ops.arange(ops.shape(targets)[0], dtype="int32"), 1), targets], 1)
            at_targets = ops.take_along_axis(slope, targets, axis=-1) - (1 - smoothing) * weight
            return ops.scatter_update(slope, places, at_targets[:, 0])

        return rows[:, 0], gradient

    return entropy(logits)
