"""The loss of teacher forcing."""

from typing import Any

from polycap.backend import keras
from polycap.tokenizer import PAD

__all__ = ["TokenLoss"]

ops = keras.ops


class TokenLoss(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy per token with label smoothing (Szegedy et al., 2016, arXiv:1512.00567), `<pad>` left out.

    `call` takes targets `(photos, captions, length) int32` and logits `(…, vocab_size) float32` and gives one number,
    nats per token.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="token_loss", reduction="none")
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        entropy = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        if self.smoothing:
            # cross-entropy to the uniform distribution
            uniform = ops.logsumexp(y_pred, axis=-1) - ops.mean(y_pred, axis=-1)
            entropy = (1.0 - self.smoothing) * entropy + self.smoothing * uniform
        real = ops.cast(y_true != PAD, "float32")
        return ops.sum(entropy * real) / ops.maximum(ops.sum(real), 1.0)
