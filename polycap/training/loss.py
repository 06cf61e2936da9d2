"""The loss of teacher forcing."""

from typing import Any

from polycap.machine.backend import keras
from polycap.text.tokenizer import PAD

__all__ = ["TokenLoss", "in_rows", "token_entropy"]

ops = keras.ops

LEAST = 1e-30
"""What a probability counts as at least: one too small for float32 is 0, and has no logarithm."""


class TokenLoss(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy per token with label smoothing (Szegedy et al., 2016, arXiv:1512.00567), `<pad>` left out.

    `call` takes targets `(…,) int32` and logits `(…, types) float32` and gives one number, nats per token. Where there
    are fewer types than the vocabulary has, they are those of a batch of `polycap.training.batches.Batches`: what comes
    after the last target stands for all others alike, and its logits have the logarithm of that share in them.
    """

    def __init__(self, smoothing: float, vocab_size: int) -> None:
        super().__init__(name="token_loss", reduction="none")
        self.smoothing, self.vocab_size = smoothing, vocab_size

    def call(self, y_true: Any, y_pred: Any) -> Any:
        logits, targets = in_rows(y_pred), ops.reshape(y_true, (-1,))
        real = ops.cast(targets != PAD, "float32")
        weights = real / ops.maximum(ops.sum(real), 1.0)
        shares = self._shares(targets, ops.shape(logits)[-1])
        entropy = ops.sum(token_entropy(logits, targets, self.smoothing, shares) * weights)
        # what a type's logit has for its share is none of its tokens' own
        excess = ops.sum(shares * ops.log(shares * self.vocab_size))
        return entropy + self.smoothing * excess * ops.sum(weights)

    def _shares(self, targets: Any, types: Any) -> Any:
        """How much of the vocabulary each type stands for, `(types,) float32`, sum 1."""
        own = ops.cast(ops.max(targets), "float32") + 1.0
        others = ops.maximum(ops.cast(types, "float32") - own, 1.0)
        is_own = ops.arange(types, dtype="float32") < own
        return ops.where(is_own, 1.0, (self.vocab_size - own) / others) / self.vocab_size


def in_rows(logits: Any) -> Any:
    """`(…, vocab_size)` → `(rows, vocab_size)`."""
    return ops.reshape(logits, (-1, ops.shape(logits)[-1]))  # TensorFlow may not know it yet


def token_entropy(logits: Any, targets: Any, smoothing: float = 0.0, shares: Any = 0.0) -> Any:
    """`(rows, types) float32`, `(rows,) int32` → each row's smoothed cross-entropy, `(rows,) float32`, nats.

    With the softmax p, a row's entropy is -log p(target) + smoothing · (target's logit - mean logit), and its gradient
    p - smoothed target, where `shares (types,) float32`, of sum 1, are what the mean and the smoothing go by. That is
    written out: derived, it took four times as long and a third of a training step, for the memory that it goes
    through.
    """
    targets = ops.cast(ops.expand_dims(targets, 1), "int32")  # Keras hands on what is compared as float32

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def entropy(logits: Any) -> Any:
        probabilities = ops.softmax(logits)
        chosen = ops.maximum(ops.take_along_axis(probabilities, targets, axis=-1), LEAST)
        mean = ops.sum(logits * shares, axis=-1, keepdims=True)
        rows = smoothing * (ops.take_along_axis(logits, targets, axis=-1) - mean) - ops.log(chosen)

        def gradient(*upstream: Any, **named: Any) -> Any:
            weight = ops.expand_dims(named["upstream"] if named else upstream[0], 1)
            slope = (probabilities - smoothing * shares) * weight
            places = ops.concatenate([ops.expand_dims(ops.arange(ops.shape(targets)[0], dtype="int32"), 1), targets], 1)
            at_targets = ops.take_along_axis(slope, targets, axis=-1) - (1 - smoothing) * weight
            return ops.scatter_update(slope, places, at_targets[:, 0])

        return rows[:, 0], gradient

    return entropy(logits)
