"""Self-critical training: sample captions, and raise the probability of those that score above the photo's others.

Teacher forcing conditions each token on the tokens of a reference, search on the decoder's own. Here several captions
of a photo are sampled from the decoder, and the tokens of each are weighted by its advantage: its reward minus the mean
reward of the photo's other samples.

References: Rennie et al. (2017), "Self-critical Sequence Training for Image Captioning", arXiv:1612.00563. The mean of
the other samples as the baseline, which needs no greedy pass: Luo (2020), "A Better Variant of Self-Critical Sequence
Training", arXiv:2003.09971.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.base import Decoder
from polycap.decoder.kinds import build_decoder
from polycap.decoder.packed import PackedShape, pack_captions
from polycap.decoder.sampling import Sampler
from polycap.decoder.weights import named_weights
from polycap.machine.backend import keras
from polycap.text.tokenizer import BOS, EOS, PAD, Tokenizer
from polycap.training.batches import Batch, Batches
from polycap.training.loss import cross_entropy, flatten_rows
from polycap.training.rewards import END, Words, rewards_by_name

__all__ = ["PolicyLoss", "SampledBatches"]

ops = keras.ops

SampledBatch = tuple[*Batch, NDArray[np.float32]]
"""A batch of `Batches`, and weights of its tokens."""

SIZE_STEP = 16
"""Unit to which the sizes of packed batches are rounded up: a backend keeps code per size of a matrix."""

EPSILON = 1e-6
"""Term added to the standard deviation of advantages, which is 0 if all captions are the same."""


class PolicyLoss(keras.losses.Loss):  # type: ignore[misc]
    """Negative log-probability of each sampled token; Keras weights it by the advantage (Williams, 1992, REINFORCE)."""

    def __init__(self) -> None:
        super().__init__(name="policy_loss", reduction="sum_over_batch_size")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Compute the loss of tokens `(…,) int32` with logits `(…, vocab_size) float32`: `(…,) float32`, in nats."""
        return ops.reshape(cross_entropy(flatten_rows(y_pred), ops.reshape(y_true, (-1,))), ops.shape(y_true))


class SampledBatches:
    """Batches of captions that are sampled from the decoder during iteration, with the advantage of each token.

    A batch is one of `Batches`, with the whole vocabulary as batch vocabulary, and `weights (tokens,) float32`, the
    advantages. While the decoder learns from a batch, the next one is sampled and rewarded in the background, from a
    copy of the weights before that step. So the samples depend only on the weights at the beginning of the epoch, the
    seed, the epoch and the batch, and the threads share no weights.
    """

    def __init__(
        self,
        batches: Batches,
        references: Sequence[Sequence[str]],
        tokenizer: Tokenizer,
        decoder: Decoder,
        rewards: str,
        *,
        words_of: Callable[[str], list[str]],
        captions: int,
        length: int,
        seed: int,
    ) -> None:
        """Prepare the first epoch.

        Args:
            batches: batches of photos; their own captions are not read.
            references: normalised references of each photo of `batches`.
            tokenizer: tokenizer of the decoder.
            decoder: decoder that is trained.
            rewards: name of the rewards, see `rewards_by_name`. They begin anew with each epoch, since a checkpoint
                does not contain their state. Several rewards have equal weight, each in units of its own standard
                deviation.
            words_of: function that splits a normalised text into the words that rewards count.
            captions: number of captions that are sampled per photo, at least 2.
            length: maximum number of tokens, `</s>` included.
            seed: seed of the samples, with epoch and batch.
        """
        self._batches, self._tokenizer, self._words_of = batches, tokenizer, words_of
        self._references = [[(*words_of(text), END) for text in texts] for texts in references]
        self._new_rewards = rewards_by_name(rewards, self._references)
        copy = build_decoder(decoder.settings)
        self._sampler = Sampler(copy)
        self._copies = list(zip(named_weights(copy).values(), named_weights(decoder).values(), strict=True))
        self._captions, self._length, self._seed = captions, length, seed
        self.start(0)

    def __len__(self) -> int:
        return len(self._batches)

    def start(self, epoch: int) -> None:
        """Begin an epoch, counted from 0."""
        self._batches.start(epoch)
        self._epoch, self._tokens, self._rewards = epoch, 0, self._new_rewards()

    def target_tokens(self) -> int:
        """Return the number of tokens sampled in this epoch so far."""
        return self._tokens

    def __iter__(self) -> Iterator[SampledBatch]:
        """Sample the epoch's captions, batch by batch, one ahead."""
        with ThreadPoolExecutor(1) as pool:
            batch: SampledBatch | None = None
            for index in range(len(self)):
                for weight, learned in self._copies:
                    weight.assign(ops.copy(learned.value))
                ahead = pool.submit(self._sample, index)
                if batch is not None:
                    yield batch
                batch = ahead.result()
            if batch is not None:
                yield batch

    def _sample(self, index: int) -> SampledBatch:
        """Sample and reward the captions of a batch."""
        features = self._batches.features(index)
        generator = np.random.default_rng((self._seed, self._epoch, index))
        uniform = generator.random((len(features), self._captions, self._length), dtype=np.float32)
        tokens = self._sampler.draw(features, uniform)
        lengths = (tokens != PAD).sum(axis=2)
        self._tokens += int(lengths.sum())
        advantages = self._advantages(tokens, self._batches.photos(index)).ravel()
        captions = [
            [[BOS, *ids[:length]] for ids, length in zip(*photo, strict=True)]
            for photo in zip(tokens.tolist(), lengths.tolist(), strict=True)
        ]
        # all shapes have the same number of steps, some of them empty, and so share a graph
        shape = PackedShape.of(captions) | PackedShape((0,) * self._length)
        packing, targets, order = pack_captions(captions, shape.rounded(SIZE_STEP, 0 if index else SIZE_STEP // 2))
        of_rows = np.zeros(len(packing.photo_of), dtype=np.float32)
        of_rows[: len(order)] = advantages[order]
        weights = np.concatenate([of_rows[: len(step)] for step in packing.steps]) * (targets != PAD)
        weights *= len(targets) / lengths.sum()  # the loss is their mean, which padding is not to lower
        vocabulary = np.arange(self._tokenizer.vocab_size, dtype=np.int32)
        return (features, packing, vocabulary, np.zeros(len(vocabulary), dtype=np.float32)), targets, weights

    def _advantages(self, tokens: NDArray[np.int32], photos: Sequence[int]) -> NDArray[np.float32]:
        """Compute the advantage of each caption by all rewards, `(photos, captions) float32`."""
        captions = [[self._words(ids) for ids in photo] for photo in tokens]
        references = [self._references[photo] for photo in photos]
        advantages = sum(_advantage(reward(captions, references)) for reward in self._rewards)
        return np.asarray(_standardise(advantages), dtype=np.float32)

    def _words(self, ids: NDArray[np.int32]) -> Words:
        """Return the words of a sampled caption."""
        words = self._words_of(self._tokenizer.decode(ids))
        return (*words, END) if EOS in ids else tuple(words)


def _advantage(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the mean of the photo's other captions from rewards `(photos, captions)`, and standardise."""
    others = (rewards.sum(axis=1, keepdims=True) - rewards) / (rewards.shape[1] - 1)
    return _standardise(rewards - others)


def _standardise(advantages: Any) -> NDArray[np.float64]:
    """Divide advantages by their standard deviation."""
    return np.asarray(advantages / (advantages.std() + EPSILON))
