"""Greedy and beam search, from features to token ids, as one compiled graph for the whole batch."""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.base import Decoder, State
from polycap.decoder.lstm import Tensor
from polycap.decoder.results import LOG_ZERO, SearchResult
from polycap.decoder.search_constants import candidates_per_beam, search_constants
from polycap.language.settings import DecodingSettings
from polycap.machine.backend import keras
from polycap.machine.fork import require_same_process
from polycap.text.tokenizer import BOS, EOS, PAD

__all__ = ["LOG_ZERO", "Search", "SearchResult"]

ops = keras.ops


class Search(keras.Model):  # type: ignore[misc]
    """Beam search over a decoder; width 1 is greedy search.

    Finished hypotheses and live beams are kept apart, as in Wu et al. (2016), arXiv:1609.08144. Scores are normalised
    by length ** length_penalty. An n-gram of tokens is never repeated (Paulus et al., 2017, arXiv:1705.04304), and no
    token follows itself. `<pad>`, `<unk>` and `<s>` are never emitted. The loop ends as soon as no live beam can still
    win.
    """

    def __init__(self, decoder: Decoder, settings: DecodingSettings) -> None:
        super().__init__(name="search")
        self.decoder = decoder
        self.settings = settings
        self.constants: dict[str, Any] = dict(search_constants(decoder.settings.vocab_size, settings))
        # Keras builds the function of `predict_on_batch` on first use, without a lock.
        self._call_lock = threading.Lock()

    def find(self, features: NDArray[Any]) -> SearchResult:
        """Search for the captions of a batch.

        Args:
            features: `(photos, cells, channels) float16 or float32`.

        Returns:
            Hypotheses, best first.

        Raises:
            CaptionRuntimeError: this process was forked from one that had loaded Keras.
        """
        require_same_process()
        with self._call_lock:
            token_ids, log_probs, scores = self.predict_on_batch(np.asarray(features, dtype=np.float32))
        return SearchResult(token_ids, log_probs, scores)

    def call(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Search: `(photos, cells, channels) float32` → token ids, log-probabilities and scores of a `SearchResult`."""
        return self.search(*self.decoder.prepare(features))

    def search(self, memory: State, state: State) -> tuple[Tensor, Tensor, Tensor]:
        """Search from a photo's memory and initial state, as `Decoder.prepare` returns them."""
        width, length = self.settings.beam_width, self.settings.max_length
        state = tuple(ops.repeat(tensor, width, axis=1) for tensor in state)  # (photos, beams, units)
        zeros = ops.zeros_like(state[0][:, :, 0])  # (photos, beams)
        first = np.full((1, width), LOG_ZERO, dtype=np.float32)
        first[0, 0] = 0.0  # all beams are identical at step 0, so only the first is active
        blank = ops.zeros_like(zeros, dtype="int32")[:, :, None] + ops.full((1, 1, length), PAD, dtype="int32")
        live = (blank, zeros + first)
        finished = (blank, zeros + LOG_ZERO, zeros + LOG_ZERO)
        # The memory does not change, but a traced loop has only its loop variables.
        start = (ops.convert_to_tensor(0, dtype="int32"), live, finished, state, memory)

        def can_improve(position: Tensor, live: Any, finished: Any, *_: Any) -> Tensor:
            # Upper bound: log-probabilities only fall, and the full length normalises most.
            bound = live[1][:, 0] / self.constants["longest"]
            return ops.logical_and(position < length, ops.any(bound > finished[2][:, -1]))

        def grow(position: Tensor, live: Any, finished: Any, state: Any, memory: Any) -> tuple[Any, ...]:
            return (position + 1, *self._grow(position, live, finished, state, memory), memory)

        position, live, finished, *_ = ops.while_loop(can_improve, grow, start)
        # If no hypothesis of a photo has ended within the full length, its live beams are the result.
        none_ended = finished[2][:, :1] <= LOG_ZERO / 2
        unfinished = ops.where(none_ended, self._score(live[1], position), LOG_ZERO)
        return self._best(finished, (live[0], live[1], unfinished))

    def _grow(self, position: Tensor, live: Any, finished: Any, state: Any, memory: Any) -> tuple[Any, Any, Any]:
        """Extend all live beams by one token; move those that end to the finished hypotheses."""
        width = self.settings.beam_width
        token_ids, log_probs = live
        last = ops.take(token_ids, ops.maximum(position - 1, 0), axis=2)  # (photos, beams)
        last = ops.where(position == 0, BOS, last)
        step, state = self.decoder.step(last, state, memory)  # (photos, beams, vocab)
        too_short = ops.cast(position < self.constants["min_length"], "float32")
        totals = log_probs[:, :, None] + step + self.constants["forbidden"] + too_short * self.constants["ending"]
        totals, token, parent = self._candidates(totals)  # (photos, candidates)
        history = _select(token_ids, parent)  # (photos, candidates, length)
        totals = ops.where(self._repeats(history, token, position), LOG_ZERO, totals)
        is_end = token == EOS
        is_position = ops.arange(self.settings.max_length) == position  # (length,)
        extended = ops.where(is_position, ops.cast(token, "int32")[:, :, None], history)

        ended = ops.where(is_end, totals, LOG_ZERO)
        finished = self._best(finished, (history, ended, self._score(ended, position + 1)))
        log_probs, chosen = ops.top_k(ops.where(is_end, LOG_ZERO, totals), width)
        live = (_select(extended, chosen), log_probs)
        state = tuple(_select(tensor, ops.take_along_axis(parent, chosen, axis=1)) for tensor in state)
        return live, finished, state

    def _candidates(self, totals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Select the best tokens of each beam: `(photos, beams, vocab_size)` → totals, tokens, beams.

        Each is `(photos, candidates)`.
        """
        width = self.settings.beam_width
        count = candidates_per_beam(self.decoder.settings.vocab_size, self.settings)
        totals, token = ops.top_k(totals, count)  # (photos, beams, count)
        parent = ops.zeros_like(token) + ops.arange(width, dtype=token.dtype)[None, :, None]
        flat = (-1, width * count)
        return ops.reshape(totals, flat), ops.reshape(token, flat), ops.reshape(parent, flat)

    def _score(self, log_probs: Tensor, length: Tensor) -> Tensor:
        """Normalise by length; impossible hypotheses keep `LOG_ZERO`."""
        normal = log_probs / ops.cast(length, "float32") ** self.constants["length_penalty"]
        return ops.where(log_probs <= LOG_ZERO / 2, LOG_ZERO, normal)

    def _best(self, one: Any, other: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return the best `beam_width` of two sets of hypotheses, best first."""
        token_ids, log_probs, scores = (ops.concatenate(pair, axis=1) for pair in zip(one, other, strict=True))
        scores, chosen = ops.top_k(scores, self.settings.beam_width)
        return _select(token_ids, chosen), ops.take_along_axis(log_probs, chosen, axis=1), scores

    def _repeats(self, history: Tensor, token: Tensor, position: Tensor) -> Tensor:
        """Return whether candidates repeat the token before them or an earlier n-gram: `(photos, candidates) bool`."""
        repeats = self._repeats_ngram(history, token, position)
        if not self.settings.no_repeat_token:
            return repeats
        last = ops.take(history, ops.maximum(position - 1, 0), axis=2)  # <pad>, which is no candidate, at step 0
        return ops.logical_or(repeats, ops.cast(token, history.dtype) == last)

    def _repeats_ngram(self, history: Tensor, token: Tensor, position: Tensor) -> Tensor:
        """Return whether candidates complete an n-gram of their own history: `(photos, candidates) bool`."""
        size, length = self.settings.no_repeat_ngram, self.settings.max_length
        if size == 0 or size > length:
            return ops.zeros_like(token, dtype="bool")
        starts = length - size + 1
        # windows[k]: the token k places into the n-gram that begins at each start, (photos, candidates, starts)
        windows = [history[:, :, k : k + starts] for k in range(size)]
        matches = windows[-1] == ops.cast(token, history.dtype)[:, :, None]
        for k in range(size - 1):
            index = ops.maximum(position - (size - 1) + k, 0)
            matches = ops.logical_and(matches, windows[k] == ops.take(history, index, axis=2)[:, :, None])
        return ops.logical_and(ops.any(matches, axis=-1), position >= size)


def _select(tensor: Tensor, index: Tensor) -> Tensor:
    """Reorder beams: `(photos, beams, size)` by `(photos, chosen)` → `(photos, chosen, size)`."""
    beams, size = tensor.shape[1:]
    index = ops.cast(index, "int32")
    photo = ops.cumsum(ops.ones_like(index[:, :1]), axis=0) - 1  # (photos, 1)
    # Whole rows: `take_along_axis` would need an index for each number.
    return ops.take(ops.reshape(tensor, (-1, size)), photo * beams + index, axis=0)
