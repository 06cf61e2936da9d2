"""Merge decoder of the "Image Caption Generator with CNN & LSTM" tutorial."""

from polycap.decoder.base import Decoder, State
from polycap.decoder.lstm import Tensor
from polycap.decoder.packed import PackedCaptions
from polycap.decoder.settings import DecoderSettings
from polycap.machine.backend import keras

__all__ = ["MergeDecoder"]

ops = keras.ops


class MergeDecoder(Decoder):
    """Merge decoder: pooled photo and prefix are encoded separately and added; the photo never enters the LSTM.

    `Dense(256)` of the pooled features plus an `LSTM(256)` of the prefix, `Dense(256)`, softmax. Since an LSTM is
    causal, one pass over the caption gives what the tutorial computes one prefix at a time.

    Reference: Tanti et al. (2017), "What is the Role of Recurrent Neural Networks (RNNs) in an Image Caption
    Generator?", arXiv:1708.02043.
    """

    token_weights = frozenset({"embedding/embeddings", "vocabulary/kernel", "vocabulary/bias"})

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__(settings)
        units = settings.units
        dense = keras.layers.Dense
        self.feature_dropout = keras.layers.Dropout(settings.feature_dropout)
        self.photo = dense(units, activation="relu", name="photo")
        self.embedding = keras.layers.Embedding(settings.vocab_size, settings.embedding, name="embedding")
        self.embedding_dropout = keras.layers.Dropout(settings.embedding_dropout)
        self.token_gates = dense(4 * units, name="token_gates")
        self.state_gates = dense(4 * units, use_bias=False, kernel_initializer="orthogonal", name="state_gates")
        self.hidden = dense(units, activation="relu", name="hidden")
        self.output_dropout = keras.layers.Dropout(settings.output_dropout)
        self.vocabulary = dense(settings.vocab_size, name="vocabulary")

    def prepare(self, features: Tensor, training: bool = False) -> tuple[State, State]:
        pooled = ops.mean(ops.cast(features, "float32"), axis=1, keepdims=True)  # (photos, 1, channels)
        photo = self.photo(self.feature_dropout(pooled, training=training))  # (photos, 1, units)
        return (photo,), (ops.zeros_like(photo), ops.zeros_like(photo))

    def embed(self, token_ids: Tensor, training: bool = False) -> Tensor:
        return self.token_gates(self.embedding_dropout(self.embedding(token_ids), training=training))

    def read(self, outputs: Tensor, memory: State, packing: PackedCaptions | None = None) -> Tensor:
        photo = memory[0]  # (photos, 1, units)
        return outputs + (photo if packing is None else packing.expand(photo[:, 0]))

    def logits(self, outputs: Tensor, training: bool = False, batch_vocabulary: Tensor | None = None) -> Tensor:
        hidden = self.output_dropout(self.hidden(outputs), training=training)
        if batch_vocabulary is None:
            return self.vocabulary(hidden)
        kernel = ops.take(self.vocabulary.kernel, batch_vocabulary, axis=1)
        bias = ops.take(self.vocabulary.bias, batch_vocabulary)
        return ops.matmul(hidden, kernel) + bias
