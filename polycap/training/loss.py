"""Loss of teacher forcing."""

from typing import Any

from polycap.machine.backend import keras
from polycap.text.tokenizer import PAD

__all__ = ["TokenLoss", "cross_entropy", "flatten_rows"]

ops = keras.ops

MIN_PROBABILITY = 1e-30
"""Lower bound of a probability: below the smallest float32 it is 0, without a finite logarithm."""


class TokenLoss(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy per token with label smoothing (Szegedy et al., 2016, arXiv:1512.00567), without `<pad>`.

    The logits may be those of a batch vocabulary, see `polycap.training.batches.Batches`. Its sampled tokens, those
    after the last target, represent all tokens that it lacks, and their logits contain the sampling correction.
    """

    def __init__(self, smoothing: float, vocab_size: int) -> None:
        super().__init__(name="token_loss", reduction="none")
        self.smoothing, self.vocab_size = smoothing, vocab_size

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of targets `(…,) int32` with logits `(…, types) float32`: `() float32`, nats per token."""
        logits, targets = flatten_rows(y_pred), ops.reshape(y_true, (-1,))
        is_token = ops.cast(targets != PAD, "float32")
        weights = is_token / ops.maximum(ops.sum(is_token), 1.0)
        uniform = self._uniform(targets, ops.shape(logits)[-1])
        entropy = ops.sum(cross_entropy(logits, targets, self.smoothing, uniform) * weights)
        # the smoothing term would otherwise contain the sampling correction of the logits
        excess = ops.sum(uniform * ops.log(uniform * self.vocab_size))
        return entropy + self.smoothing * excess * ops.sum(weights)

    def _uniform(self, targets: Any, types: Any) -> Any:
        """Return the uniform distribution over the vocabulary, projected on the batch vocabulary: `(types,) float32`.

        A token of the captions has probability 1 / vocab_size; the sampled tokens share the rest.
        """
        in_captions = ops.cast(ops.max(targets), "float32") + 1.0
        sampled = ops.maximum(ops.cast(types, "float32") - in_captions, 1.0)
        is_in_captions = ops.arange(types, dtype="float32") < in_captions
        return ops.where(is_in_captions, 1.0, (self.vocab_size - in_captions) / sampled) / self.vocab_size


def flatten_rows(logits: Any) -> Any:
    """Reshape `(…, vocab_size)` to `(rows, vocab_size)`."""
    return ops.reshape(logits, (-1, ops.shape(logits)[-1]))  # in a graph of TensorFlow, the static shape may be unknown


def cross_entropy(logits: Any, targets: Any, smoothing: float = 0.0, uniform: Any = 0.0) -> Any:
    """Compute the smoothed cross-entropy of each row, with its own gradient.

    With the softmax p it is -log p(target) + smoothing · (logit of the target - mean logit), with the gradient
    p - smoothed target. By automatic differentiation the gradient took four times as long, a third of a training step,
    for its memory traffic.

    Args:
        logits: `(rows, types) float32`.
        targets: `(rows,) int32`.
        smoothing: label smoothing, 0 to 1. (default: 0)
        uniform: distribution of the smoothing and of the mean, `(types,) float32`, of sum 1. (default: 0, for no
            smoothing)

    Returns:
        `(rows,) float32`, nats.
    """
    targets = ops.cast(ops.expand_dims(targets, 1), "int32")  # Keras passes targets as float32

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def entropy(logits: Any) -> Any:
        probabilities = ops.softmax(logits)
        target_probability = ops.maximum(ops.take_along_axis(probabilities, targets, axis=-1), MIN_PROBABILITY)
        mean = ops.sum(logits * uniform, axis=-1, keepdims=True)
        rows = smoothing * (ops.take_along_axis(logits, targets, axis=-1) - mean) - ops.log(target_probability)

        def gradient(*upstream: Any, **named: Any) -> Any:
            weight = ops.expand_dims(named["upstream"] if named else upstream[0], 1)
            slopes = (probabilities - smoothing * uniform) * weight
            indices = ops.concatenate(
                [ops.expand_dims(ops.arange(ops.shape(targets)[0], dtype="int32"), 1), targets], 1
            )
            at_targets = ops.take_along_axis(slopes, targets, axis=-1) - (1 - smoothing) * weight
            return ops.scatter_update(slopes, indices, at_targets[:, 0])

        return rows[:, 0], gradient

    return entropy(logits)
