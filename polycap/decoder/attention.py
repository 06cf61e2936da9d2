"""LSTM decoder with multiplicative attention over the image cells after the LSTM, and tied embeddings."""

from typing import Any

from polycap.decoder.base import Decoder, State
from polycap.decoder.lstm import Tensor
from polycap.decoder.packed import PackedCaptions, pack_equal_lengths
from polycap.decoder.settings import DecoderSettings
from polycap.encoder.photo_layers import PhotoLayers
from polycap.machine.backend import keras

__all__ = ["AttentionDecoder"]

ops = keras.ops


class AttentionDecoder(Decoder):
    """LSTM decoder with attention after the LSTM, and tied embeddings.

    The LSTM reads the token and the mean of the image cells. Its output is the query of a multiplicative attention over
    the cells. Output and context together predict the next token. The context does not enter the LSTM, so training
    computes the attention of all steps of all captions in one matrix product.

    References: Lu et al. (2017), "Knowing When to Look", arXiv:1612.01887 (attention after the LSTM, the photo's mean
    at its input); Xu et al. (2015), arXiv:1502.03044 (soft attention over a CNN's grid); Luong et al. (2015),
    arXiv:1508.04025 (multiplicative attention); Press and Wolf (2017), arXiv:1608.05859 (tied embeddings).
    """

    token_weights = frozenset({"embedding/embeddings", "output_bias"})

    def __init__(self, settings: DecoderSettings, photo_layers: PhotoLayers | None = None) -> None:
        super().__init__(settings)
        units, embedding = settings.units, settings.embedding
        dense = keras.layers.Dense
        # One dropout mask for all photos of a batch: a mask per photo took 5 % of a training step and gained nothing.
        self.feature_dropout = keras.layers.Dropout(
            settings.feature_dropout, noise_shape=(1, settings.cells, settings.channels)
        )
        self.photo_layers = photo_layers or PhotoLayers(settings.cells, settings.units)
        self.embedding = keras.layers.Embedding(
            settings.vocab_size,
            embedding,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05),
            name="embedding",
        )
        self.embedding_dropout = keras.layers.Dropout(settings.embedding_dropout)
        self.token_gates = dense(4 * units, name="token_gates")
        self.state_gates = dense(4 * units, use_bias=False, kernel_initializer="orthogonal", name="state_gates")
        self.query = dense(units, use_bias=False, name="query")
        self.readout = dense(embedding, activation="tanh", name="readout")
        self.output_dropout = keras.layers.Dropout(settings.output_dropout)
        self.output_bias = self.add_weight(shape=(settings.vocab_size,), initializer="zeros", name="output_bias")

    @property
    def token_bias(self) -> Any:
        return self.output_bias

    def prepare(self, features: Tensor, training: bool = False) -> tuple[State, State]:
        features = self.feature_dropout(ops.cast(features, "float32"), training=training)
        return self.begin(self.photo_layers(features))

    def begin(self, values: State) -> tuple[State, State]:
        cells, gates, output = values
        return (cells, gates), (output, ops.zeros_like(output))

    def embed(self, token_ids: Tensor, training: bool = False) -> Tensor:
        embedded = self.embedding_dropout(self.embedding(token_ids), training=training)
        return self.token_gates(embedded)

    def attend(self, queries: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the image cells.

        Args:
            queries: `(photos, queries, units) float32`.
            cells: `(photos, cells, units) float32`.

        Returns:
            Context, `(photos, queries, units) float32`, and attention weights, `(photos, queries, cells) float32`.
        """
        # The queries are scaled, not the scores: OpenVINO would move that to the cells and scale them at each step.
        scaled = queries * self.settings.units**-0.5
        weights = ops.softmax(ops.matmul(scaled, ops.transpose(cells, (0, 2, 1))))  # (photos, queries, cells)
        return ops.matmul(weights, cells), weights

    def photo_inputs(self, memory: State) -> Tensor | None:
        return memory[1]

    def read(self, outputs: Tensor, memory: State, packing: PackedCaptions | None = None) -> Tensor:
        queries = self.query(outputs)
        if packing is None:
            context, _ = self.attend(queries, memory[0])
        else:
            context = packing.scatter(self.attend(packing.gather(queries), memory[0])[0])
        return ops.concatenate([outputs, context], axis=-1)

    def cell_weights(self, outputs: Tensor, memory: State) -> Tensor | None:
        return self.attend(self.query(outputs), memory[0])[1]

    def attention(self, features: Tensor, token_ids: Tensor) -> Tensor | None:
        packing = pack_equal_lengths(token_ids)
        memory, outputs = self.run(features, packing)
        _, weights = self.attend(packing.gather(self.query(outputs)), memory[0])
        return ops.reshape(weights, (*ops.shape(token_ids), self.settings.cells))

    def logits(self, outputs: Tensor, training: bool = False, batch_vocabulary: Tensor | None = None) -> Tensor:
        read = self.output_dropout(self.readout(outputs), training=training)
        embeddings, bias = self.embedding.embeddings, self.output_bias
        if batch_vocabulary is not None:
            embeddings, bias = ops.take(embeddings, batch_vocabulary, axis=0), ops.take(bias, batch_vocabulary)
        return ops.matmul(read, ops.transpose(embeddings)) + bias
