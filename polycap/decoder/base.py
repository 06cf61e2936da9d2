"""What every decoder kind shares: teacher forcing over whole captions, and the single step that search takes.

Layout: `(photos, captions, …)`. A photo's captions (in training) or beams (in search) sit side by side, so that what
depends on the photo alone is computed once per photo.
"""

from abc import abstractmethod
from typing import Any

from polycap.backend import keras
from polycap.decoder.settings import DecoderSettings

__all__ = ["Decoder", "State", "Tensor", "by_time", "lstm_gates"]

ops = keras.ops
Tensor = Any
"""A tensor of the Keras backend in use."""
State = tuple[Tensor, ...]
"""What a step hands to the next, or what stays the same at each step."""


class Decoder(keras.Model):  # type: ignore[misc]
    """A recurrent caption decoder. A kind defines `prepare`, `embed`, `advance`, `read` and `logits`.

    `token_weights` names the weights that belong to the tokens of one language; the others serve any.
    """

    token_weights: frozenset[str] = frozenset()

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__(name=settings.kind)
        self.settings = settings

    @property
    def token_bias(self) -> Any:
        """The weight `(vocab_size,) float32` that begins as the logarithm of each token's frequency, if any."""
        return None

    @abstractmethod
    def prepare(self, features: Tensor, training: bool = False) -> tuple[State, State]:
        """Compute what depends on the photo alone.

        Args:
            features: `(photos, cells, channels) float32`.

        Returns:
            Memory, tensors `(photos, …)` that stay the same at each step; and the initial state, tensors
            `(photos, 1, units)`.
        """

    @abstractmethod
    def embed(self, token_ids: Tensor, training: bool = False) -> Tensor:
        """`(…,) int32` → each token's share of the recurrent cell's input, `(…, width) float32`."""

    @abstractmethod
    def advance(self, inputs: Tensor, state: State, memory: State) -> State:
        """One step: inputs `(photos, captions, width)` and a state → the next state."""

    @abstractmethod
    def read(self, state: State, memory: State) -> Tensor:
        """What chooses the next token: states `(photos, captions, length, units)` → `(…, length, size)`."""

    @abstractmethod
    def logits(self, outputs: Tensor, training: bool = False, types: Tensor | None = None) -> Tensor:
        """`(…, size)` → `(…, vocab_size) float32`; with token ids `types (types,) int32`, of these: `(…, types)`."""

    def call(self, inputs: tuple[Tensor, ...], training: bool = False) -> Tensor:
        """Teacher forcing: all steps of all captions in one pass.

        Args:
            inputs: features `(photos, cells, channels) float32` and token ids `(photos, captions, length) int32`
                that begin with `<s>`; or a batch of `polycap.training.data.Batches`, where a third of the token ids is
                padding and the vocabulary is wide: places, types and the logarithms of their shares follow, token ids
                are places in types, and only these places and types are answered for.

        Returns:
            Logits of the next token, `(photos, captions, length, vocab_size) float32`; of such a batch, `(places,
            types)`, a type's with the logarithm of its share.
        """
        features, token_ids, *batch = inputs
        if not batch:
            memory, states = self.run(features, self.embed(by_time(token_ids), training=training), training=training)
            return self.logits(self.read(states, memory), training=training)
        places, types, log_shares = batch
        embedded = ops.take(self.embed(types, training=training), by_time(token_ids), axis=0)
        memory, states = self.run(features, embedded, training=training)
        outputs = self.read(states, memory)
        outputs = ops.take(ops.reshape(outputs, (-1, outputs.shape[-1])), places, axis=0)
        # of three axes, not two: TensorFlow fuses two-dimensional products with the bias after them, four times slower
        logits = self.logits(ops.expand_dims(outputs, 0), training=training, types=types)
        return ops.squeeze(logits, 0) + log_shares

    def run(self, features: Tensor, embedded: Tensor, training: bool = False) -> tuple[State, State]:
        """What teacher forcing goes by: memory, and the state after each token, `(photos, captions, length, units)`.

        Args:
            features: `(photos, cells, channels) float32`.
            embedded: what `embed` gives of the tokens, `(length, photos, captions, width) float32`.
            training: whether to drop features.
        """
        memory, start = self.prepare(features, training=training)
        start = tuple(ops.repeat(tensor, embedded.shape[2], axis=1) for tensor in start)  # (photos, captions, units)

        def advance(state: State, inputs: Tensor) -> tuple[State, State]:
            state = self.advance(inputs, state, memory)
            return state, state

        _, states = ops.scan(advance, start, embedded)
        return memory, tuple(ops.transpose(tensor, (1, 2, 0, 3)) for tensor in states)

    def attention(self, features: Tensor, token_ids: Tensor) -> Tensor | None:  # noqa: ARG002
        """Where the decoder looks as it writes a given caption, by teacher forcing.

        Args:
            features: `(photos, cells, channels) float32`.
            token_ids: `(photos, captions, length) int32` that begin with `<s>`.

        Returns:
            How much each cell counts in the choice of the token after each one, `(photos, captions, length, cells)
            float32`, sums of 1; None if this kind looks at no cell in particular.
        """
        return None

    def step(self, token_ids: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """One step of search: `(photos, beams) int32` → log-probabilities `(photos, beams, vocab_size)`, next state."""
        state = self.advance(self.embed(token_ids), state, memory)
        outputs = self.read(tuple(tensor[:, :, None] for tensor in state), memory)  # (photos, beams, 1, size)
        return ops.log_softmax(self.logits(outputs)[:, :, 0]), state

    def build_weights(self) -> None:
        """Make all weights, by one pass over zeros."""
        features = ops.zeros((1, self.settings.cells, self.settings.channels))
        self((features, ops.zeros((1, 1, 1), dtype="int32")))


def by_time(token_ids: Tensor) -> Tensor:
    """`(photos, captions, length)` → `(length, photos, captions)`: of token ids quicker than of what they embed to."""
    return ops.transpose(token_ids, (2, 0, 1))


def lstm_gates(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Hochreiter and Schmidhuber's cell (1997), with a forget gate: `(…, 4·units)`, `(…, units)` → output, cell."""
    entry, forget, candidate, exit_ = ops.split(gates, 4, axis=-1)
    # +1: a new cell remembers by default (Jozefowicz et al., 2015)
    cell = ops.sigmoid(forget + 1.0) * cell + ops.sigmoid(entry) * ops.tanh(candidate)
    return ops.sigmoid(exit_) * ops.tanh(cell), cell
