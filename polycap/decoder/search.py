"""From features to token ids: greedy and beam search, one compiled graph for the whole batch."""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.backend import keras
from polycap.decoder.base import Decoder, Tensor
from polycap.decoder.found import NEVER, Found
from polycap.fork import require_same_process
from polycap.language import DecodingSettings
from polycap.tokenizer import BOS, EOS, PAD, UNK

__all__ = ["NEVER", "Found", "Search"]

ops = keras.ops


class Search(keras.Model):  # type: ignore[misc]
    """Beam search over a decoder; width 1 is greedy search.

    Finished captions and live beams are kept apart, as in Wu et al. (2016), arXiv:1609.08144; scores are normalised
    by length ** length_penalty; an n-gram of tokens is never repeated (Paulus et al., 2017, arXiv:1705.04304), and no
    token follows itself.
    `<pad>`, `<unk>` and `<s>` are never emitted. The loop ends as soon as no live beam can still win.
    """

    def __init__(self, decoder: Decoder, settings: DecodingSettings) -> None:
        super().__init__(name="search")
        self.decoder = decoder
        self.settings = settings
        vocab_size = decoder.settings.vocab_size
        forbidden = np.zeros(vocab_size, dtype=np.float32)
        forbidden[[PAD, UNK, BOS]] = NEVER
        ending = np.zeros(vocab_size, dtype=np.float32)
        ending[EOS] = NEVER
        self._forbidden, self._ending = forbidden, ending
        self._one_caller = threading.Lock()  # Keras makes the function of `predict_on_batch` on first use

    def find(self, features: NDArray[Any]) -> Found:
        """Search for the captions of a batch.

        Args:
            features: `(photos, cells, channels) float16 or float32`.

        Raises:
            CaptionRuntimeError: this process was forked from one that had loaded Keras.
        """
        require_same_process()
        with self._one_caller:
            token_ids, log_probs, scores = self.predict_on_batch(np.asarray(features, dtype=np.float32))
        return Found(token_ids, log_probs, scores)

    def call(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`(photos, cells, channels) float32` → token ids, log-probabilities and scores as `Found` has them."""
        width, length = self.settings.beam_width, self.settings.max_length
        memory, state = self.decoder.prepare(features)
        state = tuple(ops.repeat(tensor, width, axis=1) for tensor in state)  # (photos, beams, units)
        zeros = ops.zeros_like(state[0][:, :, 0])  # (photos, beams)
        first = np.full((1, width), NEVER, dtype=np.float32)
        first[0, 0] = 0.0  # all beams are equal at the start: only one may speak
        blank = ops.zeros_like(zeros, dtype="int32")[:, :, None] + ops.full((1, 1, length), PAD, dtype="int32")
        live = (blank, zeros + first)
        done = (blank, zeros + NEVER, zeros + NEVER)
        # The memory stays as it is, but a traced loop sees only what it is handed.
        start = (ops.convert_to_tensor(0, dtype="int32"), live, done, state, memory)

        def go_on(position: Tensor, live: Any, done: Any, *_: Any) -> Tensor:
            # A live beam's score can grow no higher than its log-probability at the full length allows.
            hope = live[1][:, 0] / length**self.settings.length_penalty
            return ops.logical_and(position < length, ops.any(hope > done[2][:, -1]))

        def grow(position: Tensor, live: Any, done: Any, state: Any, memory: Any) -> tuple[Any, ...]:
            return (position + 1, *self._grow(position, live, done, state, memory), memory)

        position, live, done, *_ = ops.while_loop(go_on, grow, start)
        # Where no beam came to an end within the full length, the beams count as they are.
        none_ended = done[2][:, :1] <= NEVER / 2
        unfinished = ops.where(none_ended, self._score(live[1], position), NEVER)
        return self._best(done, (live[0], live[1], unfinished))

    def _grow(self, position: Tensor, live: Any, done: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        """All live beams by one token; what ended joins the finished captions."""
        width = self.settings.beam_width
        token_ids, log_probs = live
        last = ops.take(token_ids, ops.maximum(position - 1, 0), axis=2)  # (photos, beams)
        last = ops.where(position == 0, BOS, last)
        step, state = self.decoder.step(last, state, memory)  # (photos, beams, vocab)
        too_short = ops.cast(position < self.settings.min_length, "float32")
        totals = log_probs[:, :, None] + step + self._forbidden + too_short * self._ending
        totals, token, parent = self._candidates(totals)  # (photos, candidates)
        history = _select(token_ids, parent)  # (photos, candidates, length)
        totals = ops.where(self._repeats(history, token, position), NEVER, totals)
        is_end = token == EOS
        here = ops.arange(self.settings.max_length) == position  # (length,)
        extended = ops.where(here, ops.cast(token, "int32")[:, :, None], history)

        ended = ops.where(is_end, totals, NEVER)
        done = self._best(done, (history, ended, self._score(ended, position + 1)))
        log_probs, chosen = ops.top_k(ops.where(is_end, NEVER, totals), width)
        live = (_select(extended, chosen), log_probs)
        state = tuple(_select(tensor, ops.take_along_axis(parent, chosen, axis=1)) for tensor in state)
        return live, done, state

    def _candidates(self, totals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The best tokens of each beam, `(photos, beams, vocab_size)` → totals, tokens, beams `(photos, candidates)`.

        So many that `beam_width` remain beside `</s>` even if every earlier n-gram and the last token forbid another.
        """
        width = self.settings.beam_width
        count = min(width + 2 + self.settings.max_length, totals.shape[-1])
        totals, token = ops.top_k(totals, count)  # (photos, beams, count)
        parent = ops.zeros_like(token) + ops.arange(width, dtype=token.dtype)[None, :, None]
        flat = (-1, width * count)
        return ops.reshape(totals, flat), ops.reshape(token, flat), ops.reshape(parent, flat)

    def _score(self, log_probs: Tensor, length: Tensor) -> Tensor:
        """Normalise by length; what must not happen stays last."""
        normal = log_probs / ops.cast(length, "float32") ** self.settings.length_penalty
        return ops.where(log_probs <= NEVER / 2, NEVER, normal)

    def _best(self, one: Any, other: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The best `beam_width` of two sets of captions, best first."""
        token_ids, log_probs, scores = (ops.concatenate(pair, axis=1) for pair in zip(one, other, strict=True))
        scores, chosen = ops.top_k(scores, self.settings.beam_width)
        return _select(token_ids, chosen), ops.take_along_axis(log_probs, chosen, axis=1), scores

    def _repeats(self, history: Tensor, token: Tensor, position: Tensor) -> Tensor:
        """Which candidates would repeat the token before them, or an earlier n-gram: `(photos, candidates) bool`."""
        again = self._repeats_ngram(history, token, position)
        if not self.settings.no_repeat_token:
            return again
        last = ops.take(history, ops.maximum(position - 1, 0), axis=2)  # <pad>, which is no candidate, at the start
        return ops.logical_or(again, ops.cast(token, history.dtype) == last)

    def _repeats_ngram(self, history: Tensor, token: Tensor, position: Tensor) -> Tensor:
        """Which candidates would end an n-gram of their own history."""
        size, length = self.settings.no_repeat_ngram, self.settings.max_length
        if size == 0 or size > length:
            return ops.zeros_like(token, dtype="bool")
        starts = length - size + 1
        # windows[k]: the token k places into the n-gram that begins at each start, (photos, candidates, starts)
        windows = [history[:, :, k : k + starts] for k in range(size)]
        same = windows[-1] == ops.cast(token, history.dtype)[:, :, None]
        for k in range(size - 1):
            index = ops.maximum(position - (size - 1) + k, 0)
            same = ops.logical_and(same, windows[k] == ops.take(history, index, axis=2)[:, :, None])
        return ops.logical_and(ops.any(same, axis=-1), position >= size)


def _select(tensor: Tensor, index: Tensor) -> Tensor:
    """Reorder beams: `(photos, beams, size)` by `(photos, chosen)` → `(photos, chosen, size)`."""
    beams, size = tensor.shape[1:]
    index = ops.cast(index, "int32")
    before = ops.cumsum(ops.ones_like(index[:, :1]), axis=0) - 1  # photos before each, (photos, 1)
    # whole rows: taken along an axis, each number would have an index of its own
    return ops.take(ops.reshape(tensor, (-1, size)), before * beams + index, axis=0)
