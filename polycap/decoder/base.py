"""What every decoder kind shares: teacher forcing over whole captions, and the single step that search takes.

Layout: `(photos, captions, …)`. A photo's captions (in training) or beams (in search) sit side by side, so that what
depends on the photo alone is computed once per photo.
"""

from abc import abstractmethod
from typing import Any

from polycap.decoder.lstm import Tensor, lstm_gates, run_lstm
from polycap.decoder.packed import PackedCaptions, pack_equal_lengths
from polycap.decoder.settings import DecoderSettings
from polycap.machine.backend import keras

__all__ = ["Decoder", "State", "Tensor"]

ops = keras.ops
State = tuple[Tensor, ...]
"""What a step hands to the next, or what stays the same at each step."""


class Decoder(keras.Model):  # type: ignore[misc]
    """A recurrent caption decoder. A kind defines `prepare`, `embed`, `read` and `logits`.

    `state_gates` is the LSTM's recurrent matrix. `token_weights` names the weights that belong to the tokens of one
    language; the others serve any.
    """

    state_gates: Any
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

    def photo_share(self, memory: State) -> Tensor | None:  # noqa: ARG002
        """The photo's share of the recurrent cell's input, if any: memory → `(photos, 1, 4·units) float32`."""
        return None

    def advance(self, inputs: Tensor, state: State, memory: State) -> State:
        """One step: inputs `(photos, captions, width)` and a state → the next state."""
        output, cell = state
        share = self.photo_share(memory)
        if share is not None:
            inputs = inputs + share
        return lstm_gates(inputs + self.state_gates(output), cell)

    @abstractmethod
    def read(self, outputs: Tensor, memory: State, packing: PackedCaptions | None = None) -> Tensor:
        """What chooses the next token: the cell's outputs `(photos, captions, units)` → `(…, size)`.

        Of a packing, outputs are `(tokens, units)`.
        """

    @abstractmethod
    def logits(self, outputs: Tensor, training: bool = False, types: Tensor | None = None) -> Tensor:
        """`(…, size)` → `(…, vocab_size) float32`; with token ids `types (types,) int32`, of these: `(…, types)`."""

    def call(self, inputs: tuple[Any, ...], training: bool = False) -> Tensor:
        """Teacher forcing: all steps of all captions in one pass.

        Args:
            inputs: features `(photos, cells, channels) float32` and token ids `(photos, captions, length) int32`
                that begin with `<s>`; or a batch of `polycap.training.batches.Batches`: features, a packing, types, and
                the logarithms of their shares, where the packing's tokens are places in types, and only these types
                are answered for.

        Returns:
            Logits of the next token, `(photos, captions, length, vocab_size) float32`; of such a batch, `(tokens,
            types)`, a type's with the logarithm of its share.
        """
        if len(inputs) == 2:
            features, token_ids = inputs
            packing = pack_equal_lengths(token_ids)
            memory, outputs = self.run(features, packing, training=training)
            logits = self.logits(self.read(outputs, memory, packing), training=training)
            return ops.reshape(packing.gather(logits), (*ops.shape(token_ids), -1))
        features, packing, types, log_shares = inputs
        memory, outputs = self.run(features, packing, types, training=training)
        read = self.read(outputs, memory, packing)
        # of three axes, not two: TensorFlow fuses two-dimensional products with the bias after them, four times slower
        logits = self.logits(ops.expand_dims(read, 0), training=training, types=types)
        return ops.squeeze(logits, 0) + log_shares

    def run(
        self, features: Tensor, packing: PackedCaptions, types: Tensor | None = None, training: bool = False
    ) -> tuple[State, Tensor]:
        """What teacher forcing goes by: memory, and the cell's output after each token, `(tokens, units)`.

        Args:
            features: `(photos, cells, channels) float32`.
            packing: token ids, or places in types.
            types: token ids `(types,) int32`.
            training: whether to drop features.
        """
        memory, start = self.prepare(features, training=training)
        output, cell = (ops.take(tensor[:, 0], packing.photo_of, axis=0) for tensor in start)  # (captions, units)
        tokens = ops.concatenate(packing.steps)  # (tokens,)
        if types is None:
            gates = self.embed(tokens, training=training)  # (tokens, 4·units)
        else:
            gates = ops.take(self.embed(types, training=training), tokens, axis=0)
        share = self.photo_share(memory)
        if share is None:
            share = ops.zeros((ops.shape(output)[0], 4 * self.settings.units))
        else:
            share = ops.take(share[:, 0], packing.photo_of, axis=0)  # (captions, 4·units)
        counts = [ops.shape(step)[0] for step in packing.steps]
        return memory, run_lstm(gates, counts, share, self.state_gates.kernel, output, cell)

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

    def cell_weights(self, outputs: Tensor, memory: State) -> Tensor | None:  # noqa: ARG002
        """Return the weight of each cell at outputs `(photos, steps, units)`: `(photos, steps, cells) float32`.

        None if this kind attends to no cell in particular.
        """
        return None

    def step(self, token_ids: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """One step of search: `(photos, beams) int32` → log-probabilities `(photos, beams, vocab_size)`, next state."""
        state = self.advance(self.embed(token_ids), state, memory)
        return ops.log_softmax(self.logits(self.read(state[0], memory))), state

    def build(self, *_: Any) -> None:
        """Make what teacher forcing takes from its layer: the others make theirs when they are called."""
        self.state_gates.build((None, self.settings.units))

    def build_weights(self) -> None:
        """Make all weights, by one pass over zeros."""
        features = ops.zeros((1, self.settings.cells, self.settings.channels))
        self((features, ops.zeros((1, 1, 1), dtype="int32")))
