"""Batches for teacher forcing."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.packed import PackedCaptions, PackedShape, pack_captions
from polycap.features.store import FeatureStore
from polycap.text.tokenizer import BOS, EOS, PAD

__all__ = ["Batch", "Batches", "TrainingExample"]

TrainingExample = tuple[str, list[list[int]]]
"""A photo's name and the token ids of its captions."""

Batch = tuple[tuple[NDArray[Any], PackedCaptions, NDArray[np.int32], NDArray[np.float32]], NDArray[np.int32]]
"""`((features, packing, types, log_shares), targets)`."""

READ_AHEAD = 4
"""Batches that are read before they are needed."""

POOL = 32
"""Batches in whose photos those of like length are looked for."""

LENGTH_CLASSES = 8
"""Sizes of batches: what computes keeps code and memory for each that it meets, or compiles for each.

With 8 there is 6% padding. With sizes of their own batches have none, but TensorFlow kept 1.8 GB in place of 1.0 in
five epochs of Flickr8k, and an epoch took a seventh longer; with 4 sizes it took a tenth longer, with 16 as long."""

ROOM_EPOCHS = 16
"""An epoch has the sizes that the first ones need; a later one seldom needs more."""

OTHER_TYPES = 256
"""So many tokens at least stand in a batch's vocabulary for those that its captions lack, if there are as many."""


class Batches:
    """Photo-major batches, drawn anew each epoch from `(seed, epoch)` alone: a resumed run sees the same ones.

    Photos whose longest captions are alike in length share a batch: it has fewer steps then, and little padding.

    A batch has a vocabulary of its own, a part of the language's: the tokens of its captions, and others that are drawn
    to stand for all that it lacks. The decoder then embeds and answers for these alone.

    A batch is `(features (photos, cells, channels) float16, packing, types (types,) int32, log_shares (types,)
    float32)` and `targets (tokens,) int32`: what follows each token of the packing, `</s>` at a caption's end, `<pad>`
    where a token is padding. The packing's tokens and the targets are places in `types`, which are token ids, `<pad>`
    the first; a share is how many token ids a type stands for.

    Reference: Jean et al. (2015), "On Using Very Large Target Vocabulary for Neural Machine Translation",
    arXiv:1412.2007 (a vocabulary per batch, weighted by how likely its tokens were drawn).
    """

    def __init__(
        self,
        examples: Sequence[TrainingExample],
        stores: Sequence[FeatureStore],
        *,
        photos_per_batch: int,
        captions_per_photo: int,
        max_tokens: int,
        vocab_size: int,
        seed: int,
        weights: Sequence[Sequence[float]] | None = None,
    ) -> None:
        """Prepare the first epoch.

        Args:
            examples: photos with at least one caption each.
            stores: one or more views of each photo, as it is and mirrored; each epoch draws one for each photo.
            photos_per_batch: fewer only where there are fewer photos; what is left over waits for another epoch.
            captions_per_photo: of more captions, this many are drawn.
            max_tokens: longer captions are cut.
            vocab_size: of the tokenizer.
            seed: with the epoch, decides every draw.
            weights: of each photo's captions, how often they are drawn compared with one another; without them,
                equally often.
        """
        self._captions = [[ids[:max_tokens] for ids in captions] for _, captions in examples]
        self._rows = [store.rows(name for name, _ in examples) for store in stores]
        self._stores = list(stores)
        self._size = min(photos_per_batch, len(examples))
        self._width = min(captions_per_photo, max(len(captions) for captions in self._captions))
        self._weights = [weights[photo] if weights else () for photo in range(len(examples))]
        self._vocab_size, self._seed = vocab_size, seed
        # always so many steps, some of them empty: the graph is that of the longest caption
        self._most_steps = PackedShape((0,) * max(1 + len(ids) for captions in self._captions for ids in captions))
        self._usual_rooms = [PackedShape()] * LENGTH_CLASSES
        for epoch in reversed(range(ROOM_EPOCHS)):
            self.start(epoch)
            self._usual_rooms = self._rooms

    def __len__(self) -> int:
        return len(self._captions) // self._size

    def start(self, epoch: int) -> None:
        """Draw the batches of an epoch, counted from 0."""
        self.epoch = epoch
        self._draw()
        self._rooms = [usual | room for usual, room in zip(self._usual_rooms, self._rooms_needed(), strict=True)]

    def __iter__(self) -> Iterator[Batch]:
        """The epoch's batches; the next ones are read in the background."""
        with ThreadPoolExecutor(1) as pool:
            waiting: deque[Future[Batch]] = deque()
            for index in range(len(self) + READ_AHEAD):
                if index < len(self):
                    waiting.append(pool.submit(self.__getitem__, index))
                if index >= READ_AHEAD:
                    yield waiting.popleft().result()

    def __getitem__(self, index: int) -> Batch:
        chosen = self._order[index]
        features = np.stack([self._stores[self._views[i]].features[self._rows[self._views[i]][i]] for i in chosen])
        captions = [self._drawn[i] for i in chosen]
        room = self._rooms[self._classes[index]]
        packing, targets, _ = pack_captions(captions, room | self._most_steps)
        types, log_shares = self._types(index, np.union1d(targets, [PAD, BOS]), room.types + 1 + OTHER_TYPES)
        place_of = np.zeros(self._vocab_size, dtype=np.int32)
        place_of[types] = np.arange(len(types))
        packing = packing._replace(steps=tuple(place_of[step] for step in packing.steps))
        return (features, packing, types, log_shares), place_of[targets]

    def photos(self, index: int) -> list[int]:
        """The photos of a batch of this epoch, as places in `examples`."""
        return list(self._order[index])

    def target_tokens(self) -> int:
        """Target tokens of this epoch, `</s>` included."""
        return sum(len(ids) - 1 for batch in self._order for i in batch for ids in self._drawn[i])

    def _draw(self) -> None:
        """This epoch's captions, views and batches."""
        generator = np.random.default_rng((self._seed, self.epoch))
        count = len(self._captions)
        self._views = generator.integers(len(self._stores), size=count)
        self._drawn = [
            [[BOS, *captions[k], EOS] for k in _choose(len(captions), self._width, weights, generator)]
            for captions, weights in zip(self._captions, self._weights, strict=True)
        ]
        order = generator.permutation(count)
        pool = self._size * POOL  # photos are sorted by length within a pool, not over all: batches stay varied
        batches = [batch for start in range(0, count, pool) for batch in self._batched(order[start : start + pool])]
        generator.shuffle(batches)
        self._classes, self._order = zip(*batches, strict=True)

    def _batched(self, photos: NDArray[np.int64]) -> list[tuple[int, list[int]]]:
        """Batches of some photos, each with its class: by their longest captions, and within a class alike in all."""
        lengths = {i: [len(ids) for ids in self._drawn[i]] for i in photos.tolist()}
        by_longest = sorted(lengths, key=lambda i: max(lengths[i]))
        bounds = [-(-k * (len(photos) // self._size) // LENGTH_CLASSES) for k in range(LENGTH_CLASSES + 1)]
        batches = []
        for k, (first, last) in enumerate(pairwise(bounds)):
            group = sorted(by_longest[first * self._size : last * self._size], key=lambda i: sum(lengths[i]))
            batches += [(k, group[place :: last - first]) for place in range(last - first)]  # dealt out
        return batches

    def _rooms_needed(self) -> list[PackedShape]:
        """For this epoch's batches of each class."""
        rooms = [PackedShape() for _ in range(LENGTH_CLASSES)]
        for k, batch in zip(self._classes, self._order, strict=True):
            rooms[k] |= PackedShape.of([self._drawn[i] for i in batch])
        return rooms

    def _types(self, index: int, own: NDArray[np.int32], size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """A batch's vocabulary, its captions' own tokens first, and the logarithms of its shares."""
        others = np.setdiff1d(np.arange(self._vocab_size), own)
        drawn = min(len(others), size - len(own))
        share = len(others) / max(1, drawn)
        if drawn < len(others):
            others = np.random.default_rng((self._seed, self.epoch, index)).choice(others, drawn, replace=False)
        log_shares = np.where(np.arange(len(own) + drawn) < len(own), 0.0, np.log(max(1.0, share)))
        return np.concatenate([own, others]).astype(np.int32), log_shares.astype(np.float32)


def _choose(count: int, width: int, weights: Sequence[float], generator: np.random.Generator) -> Sequence[int]:
    """Which of a photo's captions an epoch sees, at most `width`, in their order.

    Where weights differ, a caption's chance is in proportion to its own, and no caption is seen twice; to that end
    fewer than there is room for may be drawn. Systematic sampling: captions, in random order, lie side by side on a
    line, each as long as its chance, and those are drawn that reach over one of the marks at steps of 1.

    Reference: Madow (1949), "On the Theory of Systematic Sampling, II", Annals of Mathematical Statistics 20:333–354.
    """
    if len(set(weights)) < 2:
        return range(count) if count <= width else np.sort(generator.choice(count, width, replace=False)).tolist()
    shares = np.asarray(weights, dtype=np.float64) / max(weights)
    shares *= min(1.0, width / shares.sum())
    order = generator.permutation(count)
    marks = np.floor(np.cumsum(shares[order]) + generator.random())
    chosen = order[np.diff(marks, prepend=0.0) > 0][:width]  # a rounded sum may reach one mark more, or none
    return np.sort(chosen).tolist() if len(chosen) else [int(np.argmax(shares))]
