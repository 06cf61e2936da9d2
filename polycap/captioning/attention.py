"""Attention maps: the weight of each of a photo's cells in the choice of each token of a caption."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polycap.runtime.protocol import CellWeights
from polycap.text.tokenizer import BOS, PAD, Tokenizer

__all__ = ["AttentionMap", "attention_maps"]

_SPACE = "▁"
"""SentencePiece's character for a space."""


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """Attention map of one token of a caption.

    Attributes:
        token: text of the token; it begins with a space at the start of a word.
        weights: weight of each cell in the choice of the token, `(cells,) float32`, of sum 1; cells are row by row.
    """

    token: str
    weights: NDArray[np.float32]


def attention_maps(
    tokenizer: Tokenizer, cell_weights: CellWeights, features: NDArray[np.float32], captions: Sequence[str]
) -> list[list[AttentionMap]]:
    """Compute the attention maps of captions, one per token; empty lists for a decoder without attention.

    Args:
        tokenizer: tokenizer of the decoder.
        cell_weights: attention of the decoder, from `Runtime.attention`.
        features: features reduced by the pack's PCA, `(photos, cells, channels) float32`, one photo per caption.
        captions: normalised captions; they need not come from the decoder.

    Reference: Xu et al. (2015), "Show, Attend and Tell", arXiv:1502.03044, section 5.4.
    """
    encoded = tokenizer.encode_batch(captions)
    length = max(map(len, encoded), default=0)
    if not length:
        return [[] for _ in captions]
    # each token is chosen from the state before it, so the weights at <s> are those of the first token
    rows = [[BOS, *ids[:-1], *[PAD] * (length - max(1, len(ids)))] for ids in encoded]
    weights = cell_weights(np.asarray(features, dtype=np.float32), np.asarray(rows, dtype=np.int32))
    if weights is None:
        return [[] for _ in captions]
    pieces = tokenizer.pieces
    return [
        [AttentionMap(pieces[token_id].replace(_SPACE, " "), row) for token_id, row in zip(ids, rows, strict=False)]
        for ids, rows in zip(encoded, weights, strict=True)
    ]
