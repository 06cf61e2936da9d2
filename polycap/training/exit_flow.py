"""Training of the encoder's exit flow: a classifier of words over its mean cell, and one step of both."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.exit_flow import ExitFlow
from polycap.encoder.identity import MIDDLE_CELLS
from polycap.encoder.weight_files import Tensors
from polycap.errors import TrainingError
from polycap.machine.backend import keras
from polycap.training.encoder_settings import EncoderSettings
from polycap.training.optimizers import exit_flow_optimizer

__all__ = ["ExitFlowTrainer", "require_tensorflow"]

ops = keras.ops

SMALLEST_SHARE = 1e-4
"""Smallest mean share of a word that the classifier begins with."""


class ExitFlowTrainer:
    """Exit flow, classifier of words, and an optimizer of each.

    Attributes:
        channels: channels of the mean cell.

    Args:
        tensors: Xception's tensors.
        mean_shares: mean share of each word over the train photos, `(words,) float32`, with which the biases begin.
        settings: rates and dropout.
        per_epoch: number of steps of an epoch.
    """

    def __init__(
        self, tensors: Tensors, mean_shares: NDArray[np.float32], settings: EncoderSettings, per_epoch: int
    ) -> None:
        self._exit_flow, self._tensors = ExitFlow(tensors), tensors
        self.channels = self._exit_flow.channels
        likely = np.clip(mean_shares, SMALLEST_SHARE, 0.999)
        # A linear classifier can begin with zeros, so that nothing depends on a random generator's version.
        self._kernel = keras.Variable(np.zeros((self.channels, len(likely)), dtype=np.float32), name="words_kernel")
        self._bias = keras.Variable(np.log(likely / (1 - likely)), name="words_bias")
        groups = (
            (settings.learning_rate, settings.warmup_epochs, self._exit_flow.kernels),
            (settings.head_rate, 0, [self._kernel, self._bias]),
        )
        steps, decay = settings.epochs * per_epoch, settings.weight_decay
        self._groups = [
            (exit_flow_optimizer(rate, decay, steps, round(warmup * per_epoch)), group)
            for rate, warmup, group in groups
        ]
        for optimizer, group in self._groups:
            optimizer.build(group)
        self._step, self._scores = self._compile(1 - settings.dropout)

    def step(
        self,
        activations: NDArray[np.float16],
        shares: NDArray[np.float32],
        weights: NDArray[np.float32],
        kept: NDArray[np.float32],
    ) -> float:
        """Learn from a batch.

        Args:
            activations: `(batch, 361, 728)`, before `block13_sepconv1_act`.
            shares: share of a photo's captions with each word, `(batch, words)`.
            weights: weight of the photo's captions in the word's language, 0 without captions, `(batch, words)`.
            kept: 1 for each channel of the mean cell that dropout keeps, else 0, `(batch, 2048)`.

        Returns:
            The loss before the step: binary cross-entropy, summed over words, in nats per photo.
        """
        return float(self._step(activations, shares, weights, kept))

    def scores(self, activations: NDArray[np.float16]) -> NDArray[np.float32]:
        """Return the logits of words: `(batch, 361, 728)` → `(batch, words) float32`."""
        return np.asarray(self._scores(activations), dtype=np.float32)

    def tuned_tensors(self, share: float) -> Tensors:
        """Return Xception's tensors, the exit flow's interpolated from those before, 0, to those as they are now, 1."""
        return self._exit_flow.tensors(self._tensors, share)

    def classifier(self) -> dict[str, NDArray[np.float16]]:
        """Return kernel `(2048, words)` and bias `(words,)` of the words' logits."""
        return {"kernel": _float16(self._kernel), "bias": _float16(self._bias)}

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that the next step depends on, by name."""
        return {str(index): np.asarray(variable) for index, variable in enumerate(self._variables())}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Assign what `state` returned."""
        for index, variable in enumerate(self._variables()):
            variable.assign(state[str(index)])

    def _variables(self) -> list[Any]:
        return [variable for optimizer, group in self._groups for variable in (*group, *optimizer.variables)]

    def _compile(self, keep_rate: float) -> tuple[Any, Any]:
        """Build TensorFlow's graphs of a step and of the scores."""
        import tensorflow as tf

        photos = tf.TensorSpec((None, MIDDLE_CELLS, self._exit_flow.middle_channels), tf.float16)
        table = tf.TensorSpec((None, self._bias.shape[0]), tf.float32)
        cell = tf.TensorSpec((None, self.channels), tf.float32)

        def score(activations: Any, factors: Any) -> Any:
            pooled = ops.mean(self._exit_flow(activations), axis=(1, 2))  # (batch, 2048)
            return ops.matmul(pooled * factors, self._kernel) + self._bias

        @tf.function(input_signature=[photos, table, table, cell])  # type: ignore[untyped-decorator]
        def step(activations: Any, shares: Any, weights: Any, kept: Any) -> Any:
            trained = [variable for _, group in self._groups for variable in group]
            with tf.GradientTape() as tape:
                logits = score(activations, kept / keep_rate)
                losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=shares, logits=logits) * weights
                loss = ops.mean(ops.sum(losses, axis=1))
            gradients = tape.gradient(loss, [variable.value for variable in trained])
            for optimizer, group in self._groups:
                optimizer.apply(gradients[: len(group)], group)
                del gradients[: len(group)]
            return loss

        scores = tf.function(lambda activations: score(activations, 1.0), input_signature=[photos])
        return step, scores


def require_tensorflow() -> None:
    """Check that Keras' backend is TensorFlow.

    Raises:
        TrainingError: it is another one.
    """
    if keras.backend.backend() != "tensorflow":
        raise TrainingError(
            f"tuning the encoder needs Keras' backend tensorflow, and here it is {keras.backend.backend()}, by "
            "KERAS_BACKEND or by this program; unset KERAS_BACKEND"
        )


def _float16(variable: Any) -> NDArray[np.float16]:
    return np.asarray(variable).astype(np.float16)
