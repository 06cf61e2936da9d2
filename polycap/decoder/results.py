"""Search results. Does not import Keras."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOG_ZERO", "SearchResult"]

LOG_ZERO = -1e9
"""Log-probability of an impossible event; finite, so that sums and differences are never NaN."""


@dataclass(frozen=True)
class SearchResult:
    """Hypotheses of a batch, best first.

    Attributes:
        token_ids: `(photos, beams, max_length) int32`, padded with `<pad>`.
        log_probs: sum of the tokens' log-probabilities (natural logarithm), `</s>` included, `(photos, beams) float32`.
        scores: log-probability / length ** length_penalty, which orders the beams, `(photos, beams) float32`.
    """

    token_ids: NDArray[np.int32]
    log_probs: NDArray[np.float32]
    scores: NDArray[np.float32]

    def valid(self, row: int) -> NDArray[np.bool_]:
        """Return which beams of photo `row` hold a caption, `(beams,) bool`; there may be fewer than beams."""
        return np.asarray(self.scores[row] > LOG_ZERO / 2)
