"""Attention maps: the weight of each of a photo's cells in the choice of each token of a caption."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polycap.runtime.protocol import CellWeights
from polycap.text.tokenizer import BOS, PAD, Tokenizer

__all__ = ["AttentionMap", "attention_maps"]

_SPACE = "▁"
"""What SentencePiece writes for a space."""


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """A token of a caption, and the weight of each of the photo's cells in its choice.

    Attributes:
        token: its text, which begins with a space where a word begins.
        weights: `(cells,) float32`, of sum 1; cells go from left to right and from the top down.
    """

    token: str
    weights: NDArray[np.float32]


def attention_maps(
    tokenizer: Tokenizer, cell_weights: CellWeights, features: NDArray[np.float32], captions: Sequence[str]
) -> list[list[AttentionMap]]:
    """Compute the attention maps of captions; empty lists for a decoder that attends to no cell in particular.

    Args:
        tokenizer: the decoder's.
        cell_weights: the decoder's attention, as `Runtime.attention` gives it.
        features: reduced by the pack's PCA, `(photos, cells, channels)`, a photo per caption.
        captions: normalised as the decoder has learned to write. They need not be its own.

    Reference: Xu et al. (2015), "Show, Attend and Tell", arXiv:1502.03044, section 5.4.
    """
    encoded = tokenizer.encode_batch(captions)
    length = max(map(len, encoded), default=0)
    if not length:
        return [[] for _ in captions]
    # a token is chosen from the state before it: weights at <s> belong to the first one
    rows = [[BOS, *ids[:-1], *[PAD] * (length - max(1, len(ids)))] for ids in encoded]
    weights = cell_weights(np.asarray(features, dtype=np.float32), np.asarray(rows, dtype=np.int32))
    if weights is None:
        return [[] for _ in captions]
    pieces = tokenizer.pieces
    return [
        [AttentionMap(pieces[token_id].replace(_SPACE, " "), row) for token_id, row in zip(ids, rows, strict=False)]
        for ids, rows in zip(encoded, weights, strict=True)
    ]
