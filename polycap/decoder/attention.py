"""The main decoder: an LSTM whose every output asks the photo's cells what to say next."""

from typing import Any

from polycap.decoder.base import Decoder, State
from polycap.decoder.lstm import Tensor
from polycap.decoder.packed import PackedCaptions, pack_equal_lengths
from polycap.decoder.settings import DecoderSettings
from polycap.machine.backend import keras

__all__ = ["AttentionDecoder"]

ops = keras.ops


class AttentionDecoder(Decoder):
    """A language LSTM with attention after it, and tied embeddings.

    The LSTM reads the token and the photo as a whole; its output asks the cells (multiplicative attention), and output
    and answer together choose the next token. The answer does not enter the LSTM, so that training asks for all
    steps of all captions in one matrix product.

    References: Lu et al. (2017), "Knowing When to Look", arXiv:1612.01887 (attention after the LSTM, the photo's mean
    at its input); Xu et al. (2015), arXiv:1502.03044 (soft attention over a CNN's grid); Luong et al. (2015),
    arXiv:1508.04025 (multiplicative attention); Press and Wolf (2017), arXiv:1608.05859 (tied embeddings).
    """

    token_weights = frozenset({"embedding/embeddings", "output_bias"})

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__(settings)
        units, embedding = settings.units, settings.embedding
        dense = keras.layers.Dense
        # the same in all photos of a batch: to draw for each took a twentieth of a training step, and gained nothing
        self.feature_dropout = keras.layers.Dropout(
            settings.feature_dropout, noise_shape=(1, settings.cells, settings.channels)
        )
        self.cell_projection = dense(units, activation="relu", name="cell_projection")
        self.place = self.add_weight(
            shape=(settings.cells, units), initializer="zeros", name="place"
        )  # where a cell lies in the photo
        self.initial_output = dense(units, activation="tanh", name="initial_output")
        self.photo_gates = dense(4 * units, use_bias=False, name="photo_gates")
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
        cells = self.cell_projection(features) + self.place  # (photos, cells, units)
        mean = ops.mean(cells, axis=1, keepdims=True)  # (photos, 1, units)
        output = self.initial_output(mean)
        return (cells, self.photo_gates(mean)), (output, ops.zeros_like(output))

    def embed(self, token_ids: Tensor, training: bool = False) -> Tensor:
        embedded = self.embedding_dropout(self.embedding(token_ids), training=training)
        return self.token_gates(embedded)

    def attend(self, queries: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """`(photos, queries, units)` → the answer, same shape, and the weights `(photos, queries, cells)`."""
        scaled = queries * self.settings.units**-0.5  # not the scores: OpenVINO would scale all cells at each step
        weights = ops.softmax(ops.matmul(scaled, ops.transpose(cells, (0, 2, 1))))  # (photos, queries, cells)
        return ops.matmul(weights, cells), weights

    def photo_share(self, memory: State) -> Tensor | None:
        return memory[1]

    def read(self, outputs: Tensor, memory: State, packing: PackedCaptions | None = None) -> Tensor:
        queries = self.query(outputs)
        if packing is None:
            context, _ = self.attend(queries, memory[0])
        else:
            context = packing.bring_back(self.attend(packing.gather(queries), memory[0])[0])
        return ops.concatenate([outputs, context], axis=-1)

    def cell_weights(self, outputs: Tensor, memory: State) -> Tensor | None:
        return self.attend(self.query(outputs), memory[0])[1]

    def attention(self, features: Tensor, token_ids: Tensor) -> Tensor | None:
        packing = pack_equal_lengths(token_ids)
        memory, outputs = self.run(features, packing)
        _, weights = self.attend(packing.gather(self.query(outputs)), memory[0])
        return ops.reshape(weights, (*ops.shape(token_ids), self.settings.cells))

    def logits(self, outputs: Tensor, training: bool = False, types: Tensor | None = None) -> Tensor:
        read = self.output_dropout(self.readout(outputs), training=training)
        embeddings, bias = self.embedding.embeddings, self.output_bias
        if types is not None:
            embeddings, bias = ops.take(embeddings, types, axis=0), ops.take(bias, types)
        return ops.matmul(read, ops.transpose(embeddings)) + bias
