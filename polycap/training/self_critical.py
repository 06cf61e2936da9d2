"""Self-critical training: sample captions, and raise the probability of those that score above the photo's others.

Teacher forcing conditions each token on the tokens of a reference, search on the decoder's own. Here several captions
of a photo are sampled from the decoder, and the tokens of each are weighted by its advantage: its reward minus the mean
reward of the photo's other samples.

References: Rennie et al. (2017), "Self-critical Sequence Training for Image Captioning", arXiv:1612.00563. The mean of
the other samples as the baseline, which needs no greedy pass: Luo (2020), "A Better Variant of Self-Critical Sequence
Training", arXiv:2003.09971.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.packed import PackedShape, pack_captions
from polycap.decoder.sampling import Sampler
from polycap.machine.backend import keras
from polycap.text.tokenizer import BOS, PAD, Tokenizer
from polycap.training.batches import Batch, Batches
from polycap.training.loss import cross_entropy, flatten_rows
from polycap.training.rewards import Reward

__all__ = ["PolicyLoss", "SampledBatches"]

ops = keras.ops

LENGTH_STEP = 4
"""Unit to which lengths are rounded up, tokens, so that a backend that compiles per shape compiles few."""

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
    advantages. The samples depend only on the decoder's weights, the seed, the epoch and the batch.
    """

    def __init__(
        self,
        batches: Batches,
        references: Sequence[Sequence[str]],
        tokenizer: Tokenizer,
        sampler: Sampler,
        new_rewards: Callable[[], Sequence[Reward]],
        *,
        captions: int,
        length: int,
        seed: int,
    ) -> None:
        """Prepare the first epoch.

        Args:
            batches: batches of photos; their own captions are not read.
            references: normalised references of each photo of `batches`.
            tokenizer: tokenizer of the decoder.
            sampler: sampler of the decoder that is trained.
            new_rewards: function that creates the rewards, called for each epoch, since a checkpoint does not contain
                their state. Several rewards have equal weight, each in units of its own standard deviation.
            captions: number of captions that are sampled per photo, at least 2.
            length: maximum number of tokens, `</s>` included.
            seed: seed of the samples, with epoch and batch.
        """
        self._batches, self._references, self._tokenizer = batches, references, tokenizer
        self._sampler, self._new_rewards = sampler, new_rewards
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

    def __iter__(self) -> Iterator[tuple[*Batch, NDArray[np.float32]]]:
        """Sample the epoch's captions, batch by batch."""
        vocabulary = np.arange(self._tokenizer.vocab_size, dtype=np.int32)
        for index, ((features, *_), _) in enumerate(self._batches):
            generator = np.random.default_rng((self._seed, self._epoch, index))
            shape = (len(features), self._captions, self._length)
            tokens = _trim(self._sampler.draw(features, generator.random(shape, dtype=np.float32)))
            self._tokens += int((tokens != PAD).sum())
            captions = np.pad(tokens, ((0, 0), (0, 0), (1, 0)), constant_values=BOS).tolist()
            packing, targets, order = pack_captions(captions, _equal_lengths(*tokens.shape))
            advantages = self._advantages(tokens, self._batches.photos(index)).ravel()[order]
            weights = np.tile(advantages, tokens.shape[2]) * (targets != PAD)
            yield (features, packing, vocabulary, np.zeros(len(vocabulary), dtype=np.float32)), targets, weights

    def _advantages(self, tokens: NDArray[np.int32], photos: Sequence[int]) -> NDArray[np.float32]:
        """Compute the advantage of each caption by all rewards, `(photos, captions) float32`."""
        captions = [self._tokenizer.decode(ids) for ids in tokens.reshape(-1, tokens.shape[2])]
        references = [self._references[photo] for photo in photos for _ in range(self._captions)]
        advantages = sum(_advantage(reward(captions, references).reshape(tokens.shape[:2])) for reward in self._rewards)
        return np.asarray(_standardise(advantages), dtype=np.float32)


def _advantage(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the mean of the photo's other captions from rewards `(photos, captions)`, and standardise."""
    others = (rewards.sum(axis=1, keepdims=True) - rewards) / (rewards.shape[1] - 1)
    return _standardise(rewards - others)


def _standardise(advantages: Any) -> NDArray[np.float64]:
    """Divide advantages by their standard deviation."""
    return np.asarray(advantages / (advantages.std() + EPSILON))


def _equal_lengths(photos: int, captions: int, length: int) -> PackedShape:
    """Return the packed shape of captions of one length."""
    return PackedShape((photos * captions,) * length, captions * length)


def _trim(tokens: NDArray[np.int32]) -> NDArray[np.int32]:
    """Remove columns that are padding in all captions; the length stays a multiple of `LENGTH_STEP`."""
    longest = int((tokens != PAD).sum(axis=2).max())
    return tokens[:, :, : -(-longest // LENGTH_STEP) * LENGTH_STEP]
