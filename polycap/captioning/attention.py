"""Where a decoder looked in a photo as it wrote each token of a caption."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polycap.pack.pack import Pack
from polycap.text.tokenizer import BOS, PAD

__all__ = ["AttentionMap", "attention_maps"]

_SPACE = "▁"
"""What SentencePiece writes for a space."""


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """One token of a caption, and the share of each of the photo's cells in its choice, `(cells,) float32`.

    `token` begins with a space where a word begins; cells go from left to right and from the top down.
    """

    token: str
    weights: NDArray[np.float32]


def attention_maps(pack: Pack, features: NDArray[np.float32], captions: Sequence[str]) -> list[list[AttentionMap]]:
    """The gazes of captions, by teacher forcing; none for a decoder that looks at no cell in particular.

    Args:
        pack: a decoder with its tokenizer.
        features: reduced by the pack's PCA, `(photos, cells, channels)`, a photo per caption.
        captions: normalised as the decoder has learned to write. They need not be its own.

    Reference: Xu et al. (2015), "Show, Attend and Tell", arXiv:1502.03044, section 5.4.
    """
    encoded = pack.tokenizer.encode_batch(captions)
    length = max(map(len, encoded), default=0)
    if not length:
        return [[] for _ in captions]
    # a token is chosen from the state before it: weights at <s> belong to the first one
    rows = [[BOS, *ids[:-1], *[PAD] * (length - max(1, len(ids)))] for ids in encoded]
    inputs = np.asarray(rows, dtype=np.int32)[:, None]  # (photos, 1, length)
    weights = pack.decoder.attention(np.asarray(features, dtype=np.float32), inputs)
    if weights is None:
        return [[] for _ in captions]
    found = np.asarray(weights)[:, 0]  # (photos, length, cells)
    pieces = pack.tokenizer.pieces
    return [
        [AttentionMap(pieces[token_id].replace(_SPACE, " "), row) for token_id, row in zip(ids, rows, strict=False)]
        for ids, rows in zip(encoded, found, strict=True)
    ]
