"""The loss of teacher forcing."""

from typing import Any

from polycap.backend import keras
from polycap.tokenizer import PAD

__all__ = ["TokenLoss"]

ops = keras.ops


class TokenLoss(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy per token with label smoothing (Szegedy et al., 2016, arXiv:1512.00567), `<pad>` left out.

    `call` takes targets `(…,) int32` and logits `(…, vocab_size) float32` and gives one number, nats per token.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="token_loss", reduction="none")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        targets = ops.cast(ops.reshape(y_true, (-1, 1)), "int32")
        real = ops.cast(targets != PAD, "float32")
        weights = real / ops.maximum(ops.sum(real), 1.0)
        return _weighted_entropy(ops.reshape(y_pred, (-1, y_pred.shape[-1])), targets, weights, self.smoothing)


def _weighted_entropy(logits: Any, targets: Any, weights: Any, smoothing: float) -> Any:
    """`(rows, vocab_size)`, `(rows, 1)`, `(rows, 1)` → the weighted sum of the rows' smoothed cross-entropies.

    Its gradient, weight · (softmax - smoothed target), is written out: derived, it took four times as long and a third
    of a training step, for the memory that it goes through.
    """
    vocab_size = logits.shape[-1]

    @ops.custom_gradient  # type: ignore[untyped-decorator]
    def entropy(logits: Any) -> Any:
        top = ops.max(logits, axis=-1, keepdims=True)
        powers = ops.exp(logits - top)
        total = ops.sum(powers, axis=-1, keepdims=True)
        chosen = ops.take_along_axis(logits, targets, axis=-1)
        rows = ops.log(total) + top - (1 - smoothing) * chosen - smoothing * ops.mean(logits, axis=-1, keepdims=True)

        def gradient(*upstream: Any, **named: Any) -> Any:
            share = weights * (named["upstream"] if named else upstream[0])
            slope = powers * (share / total) - share * (smoothing / vocab_size)
            places = ops.concatenate([ops.expand_dims(ops.arange(ops.shape(targets)[0], dtype="int32"), 1), targets], 1)
            at_targets = ops.take_along_axis(slope, targets, axis=-1) - (1 - smoothing) * share
            return ops.scatter_update(slope, places, at_targets[:, 0])

        return ops.sum(rows * weights), gradient

    return entropy(logits)
