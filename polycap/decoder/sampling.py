"""Captions sampled from the decoder's distribution, for self-critical training."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.base import Decoder
from polycap.decoder.lstm import Tensor
from polycap.machine.backend import keras
from polycap.text.tokenizer import BOS, EOS, PAD, UNK

__all__ = ["Sampler"]

ops = keras.ops


class Sampler(keras.Model):  # type: ignore[misc]
    """Ancestral sampling: each token is drawn from the decoder's distribution given the tokens before it.

    The caller gives the uniform random numbers (inverse transform sampling): the same numbers and weights sample the
    same captions on every backend. `<pad>`, `<unk>` and `<s>` are never sampled.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__(name="sampler")
        self.decoder = decoder
        allowed = np.ones(decoder.settings.vocab_size, dtype=np.float32)
        allowed[[PAD, UNK, BOS]] = 0.0
        self._allowed = allowed

    def draw(self, features: NDArray[Any], uniform: NDArray[np.float32]) -> NDArray[np.int32]:
        """Sample captions.

        Args:
            features: `(photos, cells, channels) float16 or float32`.
            uniform: random numbers in [0, 1), `(photos, captions, length) float32`; their shape sets the number of
                captions and the maximum length.

        Returns:
            Token ids with `</s>` at the end of a caption and `<pad>` after it, `(photos, captions, length) int32`.
        """
        drawn = self.predict_on_batch((np.asarray(features, dtype=np.float32), np.asarray(uniform, dtype=np.float32)))
        return np.asarray(drawn, dtype=np.int32)

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """Sample token ids from features and uniform numbers, shapes as in `draw`; stop when all captions ended."""
        features, uniform = inputs
        memory, state = self.decoder.prepare(features)
        state = tuple(ops.repeat(tensor, uniform.shape[1], axis=1) for tensor in state)  # (photos, captions, units)
        uniform = ops.transpose(uniform, (2, 0, 1))  # (length, photos, captions)
        length = uniform.shape[0]
        first = ops.full_like(uniform[0], BOS, dtype="int32")
        positions = ops.arange(length, dtype="int32")[:, None, None]

        def is_unfinished(position: Tensor, last: Tensor, drawn: Tensor, *state: Tensor) -> Tensor:  # noqa: ARG001
            return ops.logical_and(position < length, ops.logical_not(ops.all(_has_ended(last))))

        def step(position: Tensor, last: Tensor, drawn: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            log_probs, state = self.decoder.step(last, state, memory)
            token = ops.where(_has_ended(last), PAD, self._token(log_probs, ops.take(uniform, position, axis=0)))
            return position + 1, token, ops.where(positions == position, token, drawn), *state

        begin = (ops.zeros((), dtype="int32"), first, ops.full_like(uniform, PAD, dtype="int32"), *state)
        return ops.transpose(ops.while_loop(is_unfinished, step, begin)[2], (1, 2, 0))

    def _token(self, log_probs: Tensor, uniform: Tensor) -> Tensor:
        """Invert the cumulative distribution: `(photos, captions, vocab_size)`, `(photos, captions)` → token ids."""
        cumulative = ops.cumsum(ops.exp(log_probs) * self._allowed, axis=-1)
        threshold = uniform[:, :, None] * cumulative[:, :, -1:]
        token = ops.sum(ops.cast(cumulative <= threshold, "int32"), axis=-1)
        # Rounding may put the threshold on the last sum, and the index behind the last token.
        return ops.minimum(token, self.decoder.settings.vocab_size - 1)


def _has_ended(last: Tensor) -> Tensor:
    """Return whether a caption has ended, by its last token, `(photos, captions) bool`."""
    return ops.logical_or(last == EOS, last == PAD)
