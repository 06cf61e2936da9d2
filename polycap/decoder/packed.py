"""Packed sequences: captions of different lengths without padding, for teacher forcing.

Captions are sorted by length, the longest first, and stored step by step: the first tokens of all captions, then the
second tokens of those that have one, and so on, as in PyTorch's `PackedSequence`. Attention queries are gathered by
photo, and the contexts are scattered back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polycap.machine.backend import keras
from polycap.text.tokenizer import PAD

__all__ = ["PackedCaptions", "PackedShape", "pack_captions", "pack_equal_lengths"]

ops = keras.ops
Tensor = Any
CaptionTokens = Sequence[Sequence[Sequence[int]]]
"""Token ids of each photo's captions. The first token, `<s>`, is no target; the last one is a target only."""


class PackedCaptions(NamedTuple):
    """Packed captions of a batch of photos.

    Attributes:
        steps: token ids of each step, `(captions,) int32`, never more than in the step before.
        photo_of: index of each caption's photo, `(captions,) int32`.
        by_photo: indices of each photo's tokens in the concatenated steps, `(photos, most) int32`; 0 where a photo has
            fewer.
        places: index of each token in the flattened `by_photo`, `(tokens,) int32`; 0 for padding.
    """

    steps: tuple[Tensor, ...]
    photo_of: Tensor
    by_photo: Tensor
    places: Tensor

    def gather(self, tokens: Tensor) -> Tensor:
        """Group by photo: `(tokens, width)` → `(photos, most, width)`."""
        return ops.take(tokens, self.by_photo, axis=0)

    def scatter(self, of_photos: Tensor) -> Tensor:
        """Undo `gather`: `(photos, most, width)` → `(tokens, width)`."""
        return ops.take(ops.reshape(of_photos, (-1, of_photos.shape[-1])), self.places, axis=0)

    def expand(self, of_photos: Tensor) -> Tensor:
        """Repeat a photo's values for each of its tokens: `(photos, width)` → `(tokens, width)`."""
        return ops.take(of_photos, self.places // ops.shape(self.by_photo)[1], axis=0)


def pack_equal_lengths(token_ids: Tensor) -> PackedCaptions:
    """Pack captions of one length, token ids `(photos, captions, length) int32`."""
    photos, captions, length = ops.shape(token_ids)
    places = ops.reshape(ops.arange(photos * captions * length, dtype="int32"), (photos, captions, length))
    return PackedCaptions(
        tuple(ops.reshape(token_ids[:, :, step], (-1,)) for step in range(length)),
        ops.repeat(ops.arange(photos, dtype="int32"), captions),
        ops.reshape(
            ops.transpose(ops.reshape(places, (length, photos, captions)), (1, 2, 0)), (photos, captions * length)
        ),
        ops.reshape(ops.transpose(places, (2, 0, 1)), (-1,)),
    )


@dataclass(frozen=True)
class PackedShape:
    """Shape of a packed batch. Batches that share a shape share a compiled graph.

    Attributes:
        counts: number of captions in each step; a batch with fewer is padded with `<pad>`. (default: no steps)
        most: maximum number of tokens of a photo. (default: 0)
        types: number of different tokens. (default: 0)
    """

    counts: tuple[int, ...] = ()
    most: int = 0
    types: int = 0

    @classmethod
    def of(cls, captions: CaptionTokens) -> "PackedShape":
        """Return the smallest shape that holds a batch."""
        tokens = [[len(ids) - 1 for ids in photo] for photo in captions]
        lengths = np.array([length for photo in tokens for length in photo])
        counts = (lengths > np.arange(lengths.max())[:, None]).sum(axis=1)
        types = {token for photo in captions for ids in photo for token in ids}
        return cls(tuple(counts.tolist()), max(map(sum, tokens)), len(types))

    def rounded(self, unit: int, more: int = 0) -> "PackedShape":
        """Return the shape with each size rounded up to a multiple of `unit`, and `more` added.

        TensorFlow traces a graph for the first batch, and another one whenever a size differs for the first time, five
        seconds each. If no size of the second batch is that of the first one, there are two graphs in all.
        """
        counts, most, types = (
            -(-np.array(sizes) // unit) * unit + more for sizes in (self.counts, self.most, self.types)
        )
        return PackedShape(tuple(counts.tolist()), int(most), int(types))

    def __or__(self, other: "PackedShape") -> "PackedShape":
        """Return the smallest shape that holds every batch that either shape holds."""
        counts = tuple(map(max, zip_longest(self.counts, other.counts, fillvalue=0)))
        return PackedShape(counts, max(self.most, other.most), max(self.types, other.types))


def pack_captions(
    captions: CaptionTokens, shape: PackedShape
) -> tuple[PackedCaptions, NDArray[np.int32], NDArray[np.intp]]:
    """Pack the captions of a batch.

    Args:
        captions: token ids of the batch.
        shape: shape to pad them to.

    Returns:
        Packed captions; targets, `(tokens,) int32`, `<pad>` where there is none; and the order of the packed captions,
        indices among all captions of the batch, `(captions,) intp`.
    """
    flat = [ids for photo in captions for ids in photo]
    order = np.argsort([-len(ids) for ids in flat], kind="stable")
    rows = np.full((shape.counts[0], len(shape.counts) + 1), PAD, dtype=np.int32)
    photo_of = np.zeros(shape.counts[0], dtype=np.int32)
    photo_of[: len(flat)] = np.repeat(np.arange(len(captions)), list(map(len, captions)))[order]
    for row, caption in zip(rows, order, strict=False):
        row[: len(flat[caption])] = flat[caption]
    steps = tuple(rows[:count, step] for step, count in enumerate(shape.counts))
    targets = np.concatenate([rows[:count, step + 1] for step, count in enumerate(shape.counts)])
    photos = np.concatenate([photo_of[:count] for count in shape.counts])  # (tokens,)
    by_photo = np.zeros((len(captions), shape.most), dtype=np.int32)
    places = np.zeros(len(targets), dtype=np.int32)
    for photo, indices in enumerate(by_photo):
        tokens = np.flatnonzero((photos == photo) & (targets != PAD))
        indices[: len(tokens)] = tokens
        places[tokens] = photo * shape.most + np.arange(len(tokens))
    return PackedCaptions(steps, photo_of, by_photo, places), targets, order
