"""Captions drawn from the decoder's own distribution, which self-critical training rewards."""

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

    The chance comes from outside, as uniform numbers (inverse transform sampling): the same numbers and weights draw
    the same captions on every backend. `<pad>`, `<unk>` and `<s>` are never drawn.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__(name="sampler")
        self.decoder = decoder
        allowed = np.ones(decoder.settings.vocab_size, dtype=np.float32)
        allowed[[PAD, UNK, BOS]] = 0.0
        self._allowed = allowed

    def draw(self, features: NDArray[Any], chance: NDArray[np.float32]) -> NDArray[np.int32]:
        """Draw captions.

        Args:
            features: `(photos, cells, channels) float16 or float32`.
            chance: uniform in [0, 1), `(photos, captions, length) float32`: how many captions, and how long at most.

        Returns:
            Token ids with `</s>` where a caption came to its end, `<pad>` after it, `(photos, captions, length) int32`.
        """
        drawn = self.predict_on_batch((np.asarray(features, dtype=np.float32), np.asarray(chance, dtype=np.float32)))
        return np.asarray(drawn, dtype=np.int32)

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """Features and chance → token ids, shapes as in `draw`. It ends when all captions have."""
        features, chance = inputs
        memory, state = self.decoder.prepare(features)
        state = tuple(ops.repeat(tensor, chance.shape[1], axis=1) for tensor in state)  # (photos, captions, units)
        chance = ops.transpose(chance, (2, 0, 1))  # (length, photos, captions)
        length = chance.shape[0]
        first = ops.full_like(chance[0], BOS, dtype="int32")
        places = ops.arange(length, dtype="int32")[:, None, None]

        def goes_on(place: Tensor, last: Tensor, drawn: Tensor, *state: Tensor) -> Tensor:  # noqa: ARG001
            return ops.logical_and(place < length, ops.logical_not(ops.all(_is_over(last))))

        def step(place: Tensor, last: Tensor, drawn: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            log_probs, state = self.decoder.step(last, state, memory)
            token = ops.where(_is_over(last), PAD, self._token(log_probs, ops.take(chance, place, axis=0)))
            return place + 1, token, ops.where(places == place, token, drawn), *state

        begin = (ops.zeros((), dtype="int32"), first, ops.full_like(chance, PAD, dtype="int32"), *state)
        return ops.transpose(ops.while_loop(goes_on, step, begin)[2], (1, 2, 0))

    def _token(self, log_probs: Tensor, chance: Tensor) -> Tensor:
        """`(photos, captions, vocab_size)`, `(photos, captions)` → the token in whose share the chance falls."""
        reached = ops.cumsum(ops.exp(log_probs) * self._allowed, axis=-1)
        mark = chance[:, :, None] * reached[:, :, -1:]
        # At least one token is left even where rounding puts the mark on the very end.
        token = ops.sum(ops.cast(reached <= mark, "int32"), axis=-1)
        return ops.minimum(token, self.decoder.settings.vocab_size - 1)


def _is_over(last: Tensor) -> Tensor:
    """Whether a caption has come to its end, by its last token."""
    return ops.logical_or(last == EOS, last == PAD)
