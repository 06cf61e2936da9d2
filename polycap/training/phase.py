"""Phase of a run: epochs with one loss and one optimizer, evaluated, saved and resumed in a folder of their own."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

from polycap.decoder.base import Decoder
from polycap.decoder.weights import named_weights
from polycap.errors import TrainingError
from polycap.files import make_folder
from polycap.machine.backend import keras
from polycap.machine.extras import install_line
from polycap.training.callbacks import BEST, Average, Checkpoint, DevEvaluation, EpochLog, ProgressCallback
from polycap.training.interrupt import deferred_interrupt

__all__ = [
    "BEST",
    "EpochBatches",
    "Phase",
    "compile_decoder",
    "require_finite",
    "run_phase",
    "tensorboard",
    "trace_graphs",
]

logger = logging.getLogger(__name__)


def _is_expected(record: logging.LogRecord) -> bool:
    """Return whether to log a record of TensorFlow: not that it traces again, since shapes of batches differ."""
    return "triggered tf.function retracing" not in record.getMessage()


logging.getLogger("tensorflow").addFilter(_is_expected)


class EpochBatches(Protocol):
    """Batches of an epoch: the arguments of `train_on_batch`."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...
    def start(self, epoch: int) -> None:
        """Begin an epoch, counted from 0."""

    def target_tokens(self) -> int:
        """Return the number of target tokens of the epoch, at its end."""


@dataclass(frozen=True)
class Phase:
    """Definition of a phase.

    Attributes:
        title: name of an epoch, such as "epoch".
        folder: folder of the checkpoint, the best weights and the log.
        batches: batches of each epoch.
        epochs: total number of epochs, finished ones included.
        loss: loss of a batch.
        optimizer: optimizer, not built yet.
        ema_decay: decay per step of the averaged weights, which are evaluated and saved.
    """

    title: str
    folder: Path
    batches: EpochBatches
    epochs: int
    loss: Any
    optimizer: Any
    ema_decay: float


def run_phase(phase: Phase, decoder: Decoder, score: Callable[[], float], *, progress: bool | None) -> dict[str, float]:
    """Run the remaining epochs.

    Args:
        phase: definition of the phase.
        decoder: decoder with the initial weights, which a resumed phase replaces.
        score: function that computes the dev BLEU-4 of the decoder, 0–100, after each epoch.
        progress: whether to show a progress bar.

    Returns:
        The log of the best epoch.

    Raises:
        TrainingError: the checkpoint is of another decoder, or the loss is not finite.
    """
    make_folder(phase.folder)
    compile_decoder(decoder, phase)
    weights = named_weights(decoder)
    average = Average(list(weights.values()), phase.ema_decay)
    checkpoint = Checkpoint(phase.folder, list(weights), average)
    checkpoint.set_model(decoder)
    finished = checkpoint.restore()
    if finished:
        logger.info("%s: resuming after %s %d", phase.folder, phase.title, finished)
    callbacks = [
        average,
        ProgressCallback(phase.title, phase.epochs, len(phase.batches), phase.batches.target_tokens, enabled=progress),
        DevEvaluation(average, score),
        checkpoint,
        EpochLog(phase.title, logger.info),
        *tensorboard(phase.folder),
    ]
    callback_list = keras.callbacks.CallbackList(callbacks, model=decoder)
    if finished < phase.epochs:
        trace_graphs(decoder, phase.batches)
    _run_epochs(decoder, phase.batches, range(finished, phase.epochs), callback_list)
    return checkpoint.best


def compile_decoder(decoder: Decoder, phase: Phase) -> None:
    """Compile a decoder with the phase's loss and optimizer, and create the optimizer's variables."""
    # XLA made training ten times slower on a CPU; other backends have their own compilers
    jit_compile = False if keras.backend.backend() == "tensorflow" else "auto"
    decoder.compile(optimizer=phase.optimizer, loss=phase.loss, jit_compile=jit_compile)
    decoder.optimizer.build(decoder.trainable_variables)


def trace_graphs(decoder: Decoder, batches: EpochBatches) -> None:
    """Trace TensorFlow's graphs by two steps of training, which are undone.

    The first batch of a process has a graph of its sizes alone; the second one, all of whose sizes differ, has a graph
    for any size, which all others share. Their sums differ in the last digit. After this, a resumed epoch is computed
    by the same graph as in an uninterrupted run.

    Args:
        decoder: decoder that was compiled.
        batches: batches of the first epoch, as they were prepared.
    """
    if keras.backend.backend() != "tensorflow":
        return
    variables = [*decoder.variables, *decoder.optimizer.variables]
    values = [keras.ops.copy(variable.value) for variable in variables]
    for batch in islice(batches, 2):
        decoder.train_on_batch(*batch)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _run_epochs(decoder: Decoder, batches: EpochBatches, epochs: range, callbacks: Any) -> None:
    """Train like `Model.fit`, which can't: it infers shapes from the first two batches, and here they vary."""
    callbacks.on_train_begin()
    with deferred_interrupt() as check_interrupt:
        for epoch in epochs:
            batches.start(epoch)
            callbacks.on_epoch_begin(epoch)
            losses: list[float] = []
            for index, batch in enumerate(batches):
                losses.append(float(decoder.train_on_batch(*batch)))
                check_interrupt()
                require_finite(losses[-1], f"epoch {epoch + 1}")
                callbacks.on_train_batch_end(index, {"loss": sum(losses) / len(losses)})
            callbacks.on_epoch_end(epoch, {"loss": sum(losses) / len(losses)})
    callbacks.on_train_end()


def require_finite(loss: float, place: str) -> None:
    """Raise TrainingError unless the loss of a batch is finite."""
    if not isfinite(loss):
        raise TrainingError(f"{place}: the loss is {loss}; lower the learning_rate")


def tensorboard(folder: Path) -> list[Any]:
    """Return the TensorBoard callback, if TensorBoard is installed."""
    if find_spec("tensorboard") is None:
        logger.warning("tensorboard is not installed: log.csv only (%s for both)", install_line("train"))
        return []
    return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]
