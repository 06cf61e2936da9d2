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

BLOCK = 64
"""Number of tokens whose probabilities are summed before they are accumulated, see `Sampler`."""


class Sampler(keras.Model):  # type: ignore[misc]
    """Ancestral sampling: each token is drawn from the decoder's distribution given the tokens before it.

    The caller gives the uniform random numbers (inverse transform sampling): the same numbers and weights sample the
    same captions on every backend. `<pad>`, `<unk>` and `<s>` are never sampled.

    The cumulative distribution is inverted in two stages, blocks of tokens and then the tokens of one block: summing up
    the whole vocabulary took a quarter of the time.
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
            state = self.decoder.advance(self.decoder.embed(last), state, memory)
            logits = self.decoder.logits(self.decoder.read(state[0], memory))
            token = ops.where(_has_ended(last), PAD, self._token(logits, ops.take(uniform, position, axis=0)))
            return position + 1, token, ops.where(positions == position, token, drawn), *state

        begin = (ops.zeros((), dtype="int32"), first, ops.full_like(uniform, PAD, dtype="int32"), *state)
        return ops.transpose(ops.while_loop(is_unfinished, step, begin)[2], (1, 2, 0))

    def _token(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """Invert the cumulative distribution: `(photos, captions, vocab_size)`, `(photos, captions)` → token ids."""
        size = logits.shape[-1]
        blocks = -(-size // BLOCK)
        odds = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True)) * self._allowed
        odds = ops.pad(odds, ((0, 0), (0, 0), (0, blocks * BLOCK - size)))
        odds = ops.reshape(odds, (-1, blocks, BLOCK))  # (rows, blocks, BLOCK)
        sums = ops.sum(odds, axis=-1)
        cumulative = ops.cumsum(sums, axis=-1)  # (rows, blocks)
        threshold = ops.reshape(uniform, (-1, 1)) * cumulative[:, -1:]  # (rows, 1)
        block = _index(cumulative, threshold)  # (rows, 1)
        threshold = threshold - ops.take_along_axis(cumulative - sums, block, axis=1)
        inside = ops.cumsum(ops.take_along_axis(odds, block[:, :, None], axis=1)[:, 0], axis=-1)  # (rows, BLOCK)
        token = block * BLOCK + _index(inside, threshold)
        # Rounding may put the threshold on the last sum, and the index behind the last token.
        return ops.reshape(ops.minimum(token, size - 1), ops.shape(uniform))


def _index(cumulative: Tensor, threshold: Tensor) -> Tensor:
    """Return the index of the first sum above the threshold: `(rows, count)`, `(rows, 1)` → `(rows, 1) int32`."""
    index = ops.sum(ops.cast(cumulative <= threshold, "int32"), axis=-1, keepdims=True)
    return ops.minimum(index, cumulative.shape[-1] - 1)


def _has_ended(last: Tensor) -> Tensor:
    """Return whether a caption has ended, by its last token, `(photos, captions) bool`."""
    return ops.logical_or(last == EOS, last == PAD)
