"""Base class of the decoder kinds: teacher forcing over whole captions, and one step of search.

Layout: `(photos, captions, …)`. The second axis holds a photo's captions in training, and its beams in search.
Values that depend on the photo alone are computed once per photo.
"""

from abc import abstractmethod
from typing import Any

from polycap.decoder.lstm import Tensor, lstm_step, run_lstm
from polycap.decoder.packed import PackedCaptions, pack_equal_lengths
from polycap.decoder.settings import DecoderSettings
from polycap.machine.backend import keras

__all__ = ["Decoder", "State", "Tensor"]

ops = keras.ops
State = tuple[Tensor, ...]
"""Recurrent state that a step hands to the next, or memory that is the same at each step."""


class Decoder(keras.Model):  # type: ignore[misc]
    """Recurrent caption decoder. A kind defines `prepare`, `embed`, `read` and `logits`.

    Attributes:
        state_gates: the LSTM's recurrent matrix, a layer.
        photo_layers: layers that depend on the photo alone, which several decoders may share; None if this kind can't.
        token_weights: names of the weights that belong to the tokens of one language. The other weights are
            language-independent.
    """

    state_gates: Any
    photo_layers: Any = None
    token_weights: frozenset[str] = frozenset()

    def __init__(self, settings: DecoderSettings) -> None:
        super().__init__(name=settings.kind)
        self.settings = settings

    @property
    def token_bias(self) -> Any:
        """Weight `(vocab_size,) float32` that is initialised with the log frequency of each token; None without one."""
        return None

    @abstractmethod
    def prepare(self, features: Tensor, training: bool = False) -> tuple[State, State]:
        """Compute the values that depend on the photo alone.

        Args:
            features: `(photos, cells, channels) float32`.

        Returns:
            Memory, tensors `(photos, …)` that are the same at each step; and the initial state, tensors
            `(photos, 1, units) float32`.
        """

    def begin(self, values: State) -> tuple[State, State]:
        """Return memory and initial state, as `prepare`, from the output of the photo layers, if this kind has them."""
        raise NotImplementedError(f"decoder {self.settings.kind} has no photo layers")

    @abstractmethod
    def embed(self, token_ids: Tensor, training: bool = False) -> Tensor:
        """Compute each token's part of the LSTM's gates: `(…,) int32` → `(…, 4·units) float32`."""

    def photo_inputs(self, memory: State) -> Tensor | None:  # noqa: ARG002
        """Return the photo's part of the LSTM's gates, `(photos, 1, 4·units) float32`; None if this kind has none."""
        return None

    def advance(self, inputs: Tensor, state: State, memory: State) -> State:
        """Compute one step: inputs `(photos, captions, 4·units) float32` and a state → the next state."""
        output, cell = state
        photo_inputs = self.photo_inputs(memory)
        if photo_inputs is not None:
            inputs = inputs + photo_inputs
        return lstm_step(inputs + self.state_gates(output), cell)

    @abstractmethod
    def read(self, outputs: Tensor, memory: State, packing: PackedCaptions | None = None) -> Tensor:
        """Compute the input of `logits` from the LSTM's outputs: `(photos, captions, units)` → `(…, size) float32`.

        With `packing`, outputs are `(tokens, units) float32`.
        """

    @abstractmethod
    def logits(self, outputs: Tensor, training: bool = False, batch_vocabulary: Tensor | None = None) -> Tensor:
        """Compute logits: `(…, size)` → `(…, vocab_size) float32`.

        With `batch_vocabulary`, token ids `(types,) int32`, compute the logits of these alone: `(…, types) float32`.
        """

    def call(self, inputs: tuple[Any, ...], training: bool = False) -> Tensor:
        """Compute all steps of all captions in one pass, by teacher forcing.

        Args:
            inputs: features `(photos, cells, channels) float32` and token ids `(photos, captions, length) int32`
                that begin with `<s>`; or a batch of `polycap.training.batches.Batches`: features, packed captions, the
                token ids of the batch vocabulary, and their sampling correction (log probability of being sampled).
                In that batch the packed tokens are indices into the batch vocabulary.

        Returns:
            Logits of the next token, `(photos, captions, length, vocab_size) float32`; for such a batch, `(tokens,
            types) float32` with the sampling correction added.
        """
        if len(inputs) == 2:
            features, token_ids = inputs
            packing = pack_equal_lengths(token_ids)
            memory, outputs = self.run(features, packing, training=training)
            logits = self.logits(self.read(outputs, memory, packing), training=training)
            return ops.reshape(packing.gather(logits), (*ops.shape(token_ids), -1))
        features, packing, batch_vocabulary, sampling_correction = inputs
        memory, outputs = self.run(features, packing, batch_vocabulary, training=training)
        read = self.read(outputs, memory, packing)
        # Three axes, not two: TensorFlow fuses two-dimensional products with their bias, which is four times slower.
        logits = self.logits(ops.expand_dims(read, 0), training=training, batch_vocabulary=batch_vocabulary)
        return ops.squeeze(logits, 0) + sampling_correction

    def run(
        self, features: Tensor, packing: PackedCaptions, batch_vocabulary: Tensor | None = None, training: bool = False
    ) -> tuple[State, Tensor]:
        """Run the LSTM over given captions.

        Args:
            features: `(photos, cells, channels) float32`.
            packing: packed token ids, or packed indices into `batch_vocabulary`.
            batch_vocabulary: token ids `(types,) int32`. (default: the whole vocabulary)
            training: whether dropout is on. (default: False)

        Returns:
            Memory, and the LSTM's output after each token, `(tokens, units) float32`.
        """
        memory, start = self.prepare(features, training=training)
        output, cell = (ops.take(tensor[:, 0], packing.photo_of, axis=0) for tensor in start)  # (captions, units)
        tokens = ops.concatenate(packing.steps)  # (tokens,)
        if batch_vocabulary is None:
            gates = self.embed(tokens, training=training)  # (tokens, 4·units)
        else:
            gates = ops.take(self.embed(batch_vocabulary, training=training), tokens, axis=0)
        photo_inputs = self.photo_inputs(memory)
        if photo_inputs is None:
            photo_inputs = ops.zeros((ops.shape(output)[0], 4 * self.settings.units))
        else:
            photo_inputs = ops.take(photo_inputs[:, 0], packing.photo_of, axis=0)  # (captions, 4·units)
        counts = [ops.shape(step)[0] for step in packing.steps]
        return memory, run_lstm(gates, counts, photo_inputs, self.state_gates.kernel, output, cell)

    def attention(self, features: Tensor, token_ids: Tensor) -> Tensor | None:  # noqa: ARG002
        """Compute the attention maps of given captions, by teacher forcing.

        Args:
            features: `(photos, cells, channels) float32`.
            token_ids: `(photos, captions, length) int32` that begin with `<s>`.

        Returns:
            The weight of each cell in the choice of the token after each one, `(photos, captions, length, cells)
            float32`, with sum 1 over the cells; None if this kind has no attention.
        """
        return None

    def cell_weights(self, outputs: Tensor, memory: State) -> Tensor | None:  # noqa: ARG002
        """Return the weight of each cell at outputs `(photos, steps, units)`: `(photos, steps, cells) float32`.

        None if this kind attends to no cell in particular.
        """
        return None

    def step(self, token_ids: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        """Compute one step of search.

        Args:
            token_ids: the last token of each beam, `(photos, beams) int32`.
            state, memory: as `prepare` returns them, the state with an axis of `beams`.

        Returns:
            Log-probabilities, `(photos, beams, vocab_size) float32`, and the next state.
        """
        state = self.advance(self.embed(token_ids), state, memory)
        return ops.log_softmax(self.logits(self.read(state[0], memory))), state

    def build(self, *_: Any) -> None:
        """Create the recurrent kernel, which teacher forcing reads directly. Other layers create theirs when called."""
        self.state_gates.build((None, self.settings.units))

    def build_weights(self) -> None:
        """Create all weights, by one pass over zeros."""
        features = ops.zeros((1, self.settings.cells, self.settings.channels))
        self((features, ops.zeros((1, 1, 1), dtype="int32")))
