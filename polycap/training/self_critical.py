"""Self-critical training: the decoder speaks freely, and what scored above its other tries becomes likelier.

Teacher forcing learns each next token after people's own words; search then lives with the decoder's. Here the decoder
draws several captions of a photo, and each one's tokens are weighted by how far its reward is above the mean of the
photo's others.

References: Rennie et al. (2017), "Self-critical Sequence Training for Image Captioning", arXiv:1612.00563; the mean of
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
from polycap.training.loss import in_rows, token_entropy
from polycap.training.rewards import Reward

__all__ = ["DrawnBatches", "PolicyLoss"]

ops = keras.ops

LENGTH_STEP = 4
"""Lengths are rounded up to a multiple of this, so that a backend that compiles per shape sees few shapes."""

SPREAD = 1e-6
"""Added to the standard deviation of a batch's advantages: where all captions are alike, nothing is learned."""


class PolicyLoss(keras.losses.Loss):  # type: ignore[misc]
    """The negative log-probability of each drawn token; Keras weights it by the advantage (Williams, 1992, REINFORCE).

    `call` takes tokens `(…,) int32` and logits `(…, vocab_size) float32` and gives `(…,) float32`, in nats.
    """

    def __init__(self) -> None:
        super().__init__(name="policy_loss", reduction="sum_over_batch_size")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.reshape(token_entropy(in_rows(y_pred), ops.reshape(y_true, (-1,))), ops.shape(y_true))


class DrawnBatches:
    """Batches of captions that the decoder draws when they are asked for, each token with its caption's advantage.

    A batch is that of `Batches`, with the whole vocabulary, and `weights (tokens,) float32`: the advantage. What is
    drawn depends on the weights, the seed, the epoch and the batch alone.
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
        """Draw from the photos of `batches`.

        Args:
            batches: photos; their own captions are not read.
            references: normalised, of each photo of `batches`.
            tokenizer: the decoder's.
            sampler: the decoder that is trained.
            new_rewards: makes what compares drawn captions with references, anew for each epoch: what it learned in an
                epoch is not in a checkpoint. Several count the same, each in its own standard deviations.
            captions: so many are drawn of each photo, at least 2.
            length: so many tokens at most, `</s>` included.
            seed: with epoch and batch, decides the draws.
        """
        self._batches, self._references, self._tokenizer = batches, references, tokenizer
        self._sampler, self._new_rewards = sampler, new_rewards
        self._captions, self._length, self._seed = captions, length, seed
        self.start(0)

    def __len__(self) -> int:
        return len(self._batches)

    def start(self, epoch: int) -> None:
        """Go to an epoch, counted from 0."""
        self._batches.start(epoch)
        self._epoch, self._tokens, self._rewards = epoch, 0, self._new_rewards()

    def target_tokens(self) -> int:
        """Tokens drawn in this epoch so far."""
        return self._tokens

    def __iter__(self) -> Iterator[tuple[*Batch, NDArray[np.float32]]]:
        """Draw the epoch's captions, batch by batch."""
        types = np.arange(self._tokenizer.vocab_size, dtype=np.int32)
        for index, ((features, *_), _) in enumerate(self._batches):
            chance = np.random.default_rng((self._seed, self._epoch, index))
            shape = (len(features), self._captions, self._length)
            tokens = _trim(self._sampler.draw(features, chance.random(shape, dtype=np.float32)))
            self._tokens += int((tokens != PAD).sum())
            captions = np.pad(tokens, ((0, 0), (0, 0), (1, 0)), constant_values=BOS).tolist()
            packing, targets, order = pack_captions(captions, _whole(*tokens.shape))
            advantages = self._advantages(tokens, self._batches.photos(index)).ravel()[order]
            weights = np.tile(advantages, tokens.shape[2]) * (targets != PAD)
            yield (features, packing, types, np.zeros(len(types), dtype=np.float32)), targets, weights

    def _advantages(self, tokens: NDArray[np.int32], photos: Sequence[int]) -> NDArray[np.float32]:
        """Of each caption, by all rewards, `(photos, captions)`."""
        captions = [self._tokenizer.decode(ids) for ids in tokens.reshape(-1, tokens.shape[2])]
        references = [self._references[photo] for photo in photos for _ in range(self._captions)]
        advantages = sum(
            _advantages(reward(captions, references).reshape(tokens.shape[:2])) for reward in self._rewards
        )
        return np.asarray(_standardise(advantages), dtype=np.float32)


def _advantages(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each of `(photos, captions)` is above the mean of its photo's others, in standard deviations."""
    others = (rewards.sum(axis=1, keepdims=True) - rewards) / (rewards.shape[1] - 1)
    return _standardise(rewards - others)


def _standardise(advantages: Any) -> NDArray[np.float64]:
    return np.asarray(advantages / (advantages.std() + SPREAD))


def _whole(photos: int, captions: int, length: int) -> PackedShape:
    """Room for captions of one length."""
    return PackedShape((photos * captions,) * length, captions * length)


def _trim(tokens: NDArray[np.int32]) -> NDArray[np.int32]:
    """Without the columns that are padding in all captions, but for those that round the length up."""
    longest = int((tokens != PAD).sum(axis=2).max())
    return tokens[:, :, : -(-longest // LENGTH_STEP) * LENGTH_STEP]
