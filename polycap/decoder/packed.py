"""Captions of all lengths side by side, without padding between them: what teacher forcing computes on.

Captions are sorted by their length, the longest first, and laid down step by step: the first tokens of all captions,
then the second tokens of those that have one, and so on. (PyTorch calls it a packed sequence.) What a caption asks its
photo is gathered by photo and brought back.
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
"""The token ids of each photo's captions; each begins with `<s>`, which is no target, and ends with a target alone."""


class PackedCaptions(NamedTuple):
    """Where each token of some photos' captions lies.

    Attributes:
        steps: the tokens of each step, `(captions,) int32`, never more than in the step before.
        photo_of: the photo of each caption, a place among the photos, `(captions,) int32`.
        by_photo: of each photo its tokens' places in the steps laid end to end, `(photos, most) int32`; 0 where it has
            fewer.
        places: of each token its place in `by_photo` laid end to end, `(tokens,) int32`; 0 where a token is padding.
    """

    steps: tuple[Tensor, ...]
    photo_of: Tensor
    by_photo: Tensor
    places: Tensor

    def gather(self, tokens: Tensor) -> Tensor:
        """`(tokens, width)` → `(photos, most, width)`."""
        return ops.take(tokens, self.by_photo, axis=0)

    def bring_back(self, of_photos: Tensor) -> Tensor:
        """`(photos, most, width)` → `(tokens, width)`."""
        return ops.take(ops.reshape(of_photos, (-1, of_photos.shape[-1])), self.places, axis=0)

    def spread(self, of_photos: Tensor) -> Tensor:
        """What is the same for all tokens of a photo, `(photos, width)` → `(tokens, width)`."""
        return ops.take(of_photos, self.places // ops.shape(self.by_photo)[1], axis=0)


def pack_equal_lengths(token_ids: Tensor) -> PackedCaptions:
    """Captions of one length, `(photos, captions, length) int32`."""
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
    """The sizes of a packing: of one batch, or of many that are to be alike.

    Attributes:
        counts: captions in each step, where there are fewer filled up with `<pad>`.
        most: tokens of a photo.
        types: different tokens.
    """

    counts: tuple[int, ...] = ()
    most: int = 0
    types: int = 0

    @classmethod
    def of(cls, captions: CaptionTokens) -> "PackedShape":
        """Room for a batch."""
        tokens = [[len(ids) - 1 for ids in photo] for photo in captions]
        lengths = np.array([length for photo in tokens for length in photo])
        reached = (lengths > np.arange(lengths.max())[:, None]).sum(axis=1)
        types = {token for photo in captions for ids in photo for token in ids}
        return cls(tuple(reached.tolist()), max(map(sum, tokens)), len(types))

    def __or__(self, other: "PackedShape") -> "PackedShape":
        """Room for what either has room for."""
        counts = tuple(map(max, zip_longest(self.counts, other.counts, fillvalue=0)))
        return PackedShape(counts, max(self.most, other.most), max(self.types, other.types))


def pack_captions(
    captions: CaptionTokens, room: PackedShape
) -> tuple[PackedCaptions, NDArray[np.int32], NDArray[np.intp]]:
    """Pack a batch's captions.

    Args:
        captions: the batch.
        room: that there is for them.

    Returns:
        The packing; each token's target, `(tokens,) int32`, `<pad>` where there is none; and the captions in the order
        of the packing, as places among all captions of the batch.
    """
    flat = [ids for photo in captions for ids in photo]
    order = np.argsort([-len(ids) for ids in flat], kind="stable")
    rows = np.full((room.counts[0], len(room.counts) + 1), PAD, dtype=np.int32)
    photo_of = np.zeros(room.counts[0], dtype=np.int32)
    photo_of[: len(flat)] = np.repeat(np.arange(len(captions)), list(map(len, captions)))[order]
    for row, caption in zip(rows, order, strict=False):
        row[: len(flat[caption])] = flat[caption]
    steps = tuple(rows[:count, step] for step, count in enumerate(room.counts))
    targets = np.concatenate([rows[:count, step + 1] for step, count in enumerate(room.counts)])
    photos = np.concatenate([photo_of[:count] for count in room.counts])  # of each token
    by_photo = np.zeros((len(captions), room.most), dtype=np.int32)
    places = np.zeros(len(targets), dtype=np.int32)
    for photo, its_places in enumerate(by_photo):
        tokens = np.flatnonzero((photos == photo) & (targets != PAD))
        its_places[: len(tokens)] = tokens
        places[tokens] = photo * room.most + np.arange(len(tokens))
    return PackedCaptions(steps, photo_of, by_photo, places), targets, order
