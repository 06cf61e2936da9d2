"""Batches of teacher forcing."""

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
"""Name of a photo and the token ids of its captions."""

Batch = tuple[tuple[NDArray[Any], PackedCaptions, NDArray[np.int32], NDArray[np.float32]], NDArray[np.int32]]
"""`((features, packing, batch_vocabulary, sampling_correction), targets)`, see `Batches`."""

READ_AHEAD = 4
"""Number of batches that are read ahead."""

POOL_BATCHES = 32
"""Number of batches whose photos are sorted by length together."""

LENGTH_CLASSES = 8
"""Number of packed shapes. A backend keeps code and memory per shape, or compiles per shape.

8 shapes give 6% padding. With a shape per batch there is none, but TensorFlow used 1.8 GB instead of 1.0 in five epochs
of Flickr8k, and an epoch took a seventh longer; with 4 shapes it took a tenth longer, with 16 no less."""

SHAPE_EPOCHS = 16
"""Number of first epochs whose batches determine the packed shapes; a later epoch seldom needs larger ones."""

SAMPLED_TOKENS = 256
"""Minimum number of sampled tokens per batch vocabulary, beside the tokens of its captions."""


class Batches:
    """Batches of photos with their captions, sampled in each epoch by `(seed, epoch)`: a resumed run has the same ones.

    Photos whose longest captions have similar lengths share a batch, which saves steps and padding.

    Each batch has a vocabulary of its own: the tokens of its captions, and tokens sampled from the rest of the
    vocabulary. The decoder computes embeddings and logits of the batch vocabulary alone.

    A batch is `((features, packing, batch_vocabulary, sampling_correction), targets)`:

    - features: `(photos, cells, channels) float16`;
    - packing: packed captions, whose tokens are indices into the batch vocabulary;
    - batch_vocabulary: token ids, `(types,) int32`, `<pad>` first, then the other tokens of the captions, then the
      sampled ones;
    - sampling_correction: log of the number of token ids that a token of the batch vocabulary represents,
      `(types,) float32`; 0 for the tokens of the captions;
    - targets: the token after each packed token, as index into the batch vocabulary, `(tokens,) int32`: `</s>` after
      the last token of a caption, `<pad>` after padding.

    Reference: Jean et al. (2015), "On Using Very Large Target Vocabulary for Neural Machine Translation",
    arXiv:1412.2007 (a vocabulary per batch, with a correction for the probability of being sampled).
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
            stores: stored features, one store per view (plain, flipped); each epoch samples one view per photo.
            photos_per_batch: number of photos per batch; less if there are fewer photos. Remaining photos are left out
                of the epoch.
            captions_per_photo: maximum number of captions per photo and epoch; more are sampled.
            max_tokens: maximum length of a caption, tokens; longer captions are cut.
            vocab_size: vocabulary size of the tokenizer.
            seed: seed of all sampling, with the epoch.
            weights: relative sampling frequency of each photo's captions. (default: equal)
        """
        self._captions = [[ids[:max_tokens] for ids in captions] for _, captions in examples]
        self._rows = [store.rows(name for name, _ in examples) for store in stores]
        self._stores = list(stores)
        self._size = min(photos_per_batch, len(examples))
        self._max_captions = min(captions_per_photo, max(len(captions) for captions in self._captions))
        self._weights = [weights[photo] if weights else () for photo in range(len(examples))]
        self._vocab_size, self._seed = vocab_size, seed
        # all batches have the number of steps of the longest caption, some of them empty, and so share a graph
        self._max_steps = PackedShape((0,) * max(1 + len(ids) for captions in self._captions for ids in captions))
        self._usual_shapes = [PackedShape()] * LENGTH_CLASSES
        for epoch in reversed(range(SHAPE_EPOCHS)):
            self.start(epoch)
            self._usual_shapes = self._shapes

    def __len__(self) -> int:
        return len(self._captions) // self._size

    def start(self, epoch: int) -> None:
        """Sample the batches of an epoch, counted from 0."""
        self.epoch = epoch
        self._sample()
        pairs = zip(self._usual_shapes, self._smallest_shapes(), strict=True)
        self._shapes = [usual | smallest for usual, smallest in pairs]

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the epoch; the next ones are read in the background."""
        with ThreadPoolExecutor(1) as pool:
            waiting: deque[Future[Batch]] = deque()
            for index in range(len(self) + READ_AHEAD):
                if index < len(self):
                    waiting.append(pool.submit(self.__getitem__, index))
                if index >= READ_AHEAD:
                    yield waiting.popleft().result()

    def __getitem__(self, index: int) -> Batch:
        """Return a batch of the epoch."""
        features = self.features(index)
        captions = [self._sampled[photo] for photo in self._order[index]]
        # even sizes, but odd ones for the first batch
        shape = (self._shapes[self._classes[index]] | self._max_steps).rounded(2, 0 if index else 1)
        packing, targets, _ = pack_captions(captions, shape)
        vocabulary, correction = self._batch_vocabulary(
            index, np.union1d(targets, [PAD, BOS]), shape.types + 1 + SAMPLED_TOKENS
        )
        index_of = np.zeros(self._vocab_size, dtype=np.int32)
        index_of[vocabulary] = np.arange(len(vocabulary))
        packing = packing._replace(steps=tuple(index_of[step] for step in packing.steps))
        return (features, packing, vocabulary, correction), index_of[targets]

    def features(self, index: int) -> NDArray[np.float16]:
        """Read the features of a batch of the epoch, `(photos, cells, channels) float16`."""
        views = [(self._views[photo], photo) for photo in self._order[index]]
        return np.stack([self._stores[view].features[self._rows[view][photo]] for view, photo in views])

    def photos(self, index: int) -> list[int]:
        """Return the photos of a batch of the epoch, as indices into `examples`."""
        return list(self._order[index])

    def target_tokens(self) -> int:
        """Return the number of target tokens of the epoch, `</s>` included."""
        return sum(len(ids) - 1 for batch in self._order for photo in batch for ids in self._sampled[photo])

    def _sample(self) -> None:
        """Sample the captions, views and batches of the epoch."""
        generator = np.random.default_rng((self._seed, self.epoch))
        count = len(self._captions)
        self._views = generator.integers(len(self._stores), size=count)
        self._sampled = [
            [
                [BOS, *captions[index], EOS]
                for index in _sample_captions(len(captions), self._max_captions, weights, generator)
            ]
            for captions, weights in zip(self._captions, self._weights, strict=True)
        ]
        order = generator.permutation(count)
        pool = self._size * POOL_BATCHES  # photos are sorted within a pool, not over all, so that batches stay varied
        batches = [batch for start in range(0, count, pool) for batch in self._batched(order[start : start + pool])]
        generator.shuffle(batches)
        self._classes, self._order = zip(*batches, strict=True)

    def _batched(self, photos: NDArray[np.int64]) -> list[tuple[int, list[int]]]:
        """Group photos into batches, each with its length class.

        Length classes are by the longest caption of a photo. The batches of a class get similar numbers of tokens.
        """
        lengths = {photo: [len(ids) for ids in self._sampled[photo]] for photo in photos.tolist()}
        by_longest = sorted(lengths, key=lambda photo: max(lengths[photo]))
        count = len(photos) // self._size
        bounds = [-(-number * count // LENGTH_CLASSES) for number in range(LENGTH_CLASSES + 1)]
        batches = []
        for length_class, (first, last) in enumerate(pairwise(bounds)):
            members = by_longest[first * self._size : last * self._size]
            by_tokens = sorted(members, key=lambda photo: sum(lengths[photo]))
            batches += [(length_class, by_tokens[offset :: last - first]) for offset in range(last - first)]
        return batches

    def _smallest_shapes(self) -> list[PackedShape]:
        """Return, by length class, the smallest packed shape for the batches of the epoch."""
        shapes = [PackedShape() for _ in range(LENGTH_CLASSES)]
        for length_class, batch in zip(self._classes, self._order, strict=True):
            shapes[length_class] |= PackedShape.of([self._sampled[photo] for photo in batch])
        return shapes

    def _batch_vocabulary(
        self, index: int, own: NDArray[np.int32], size: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return a batch vocabulary, the tokens `own` of its captions first; and its sampling correction."""
        others = np.setdiff1d(np.arange(self._vocab_size), own)
        sampled = min(len(others), size - len(own))
        represented = len(others) / max(1, sampled)
        if sampled < len(others):
            others = np.random.default_rng((self._seed, self.epoch, index)).choice(others, sampled, replace=False)
        correction = np.where(np.arange(len(own) + sampled) < len(own), 0.0, np.log(max(1.0, represented)))
        return np.concatenate([own, others]).astype(np.int32), correction.astype(np.float32)


def _sample_captions(
    count: int, max_count: int, weights: Sequence[float], generator: np.random.Generator
) -> Sequence[int]:
    """Sample the captions of a photo for an epoch; return their indices, sorted.

    If weights differ, the probability of a caption is proportional to its weight, and no caption is sampled twice; for
    this, fewer than `max_count` may be sampled. Systematic sampling: the captions, in random order, are intervals on a
    line, of their probabilities' lengths; those that contain one of the marks at distance 1 are sampled.

    Reference: Madow (1949), "On the Theory of Systematic Sampling, II", Annals of Mathematical Statistics 20:333–354.
    """
    if len(set(weights)) < 2:
        return (
            range(count) if count <= max_count else np.sort(generator.choice(count, max_count, replace=False)).tolist()
        )
    probabilities = np.asarray(weights, dtype=np.float64) / max(weights)
    probabilities *= min(1.0, max_count / probabilities.sum())
    order = generator.permutation(count)
    marks = np.floor(np.cumsum(probabilities[order]) + generator.random())
    sampled = order[np.diff(marks, prepend=0.0) > 0][:max_count]  # by rounding, there may be one mark more, or none
    return np.sort(sampled).tolist() if len(sampled) else [int(np.argmax(probabilities))]
