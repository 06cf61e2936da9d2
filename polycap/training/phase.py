"""One phase of a run: epochs under one loss and one optimizer, judged, kept and resumed in a folder of their own."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

from polycap.decoder.base import Decoder
from polycap.decoder.weights import named_weights
from polycap.errors import TrainingError
from polycap.files import make_folder
from polycap.machine.backend import keras
from polycap.machine.extras import install_line
from polycap.training.callbacks import BEST, Average, Checkpoint, EpochLog, Evaluate, ProgressCallback
from polycap.training.interrupt import deferred_interrupt

__all__ = ["BEST", "EpochBatches", "Phase", "compile_decoder", "require_finite", "run_phase", "tensorboard"]

logger = logging.getLogger(__name__)


class EpochBatches(Protocol):
    """What an epoch is made of: `train_on_batch`'s arguments, batch by batch."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...
    def start(self, epoch: int) -> None:
        """Go to an epoch, counted from 0."""

    def target_tokens(self) -> int:
        """Tokens learned in the epoch; asked for at its end."""


@dataclass(frozen=True)
class Phase:
    """What a phase does.

    Attributes:
        title: what its epochs are called, as in "epoch".
        folder: checkpoint, best weights and log.
        batches: of each epoch.
        epochs: how many in all, those done before included.
        loss: of a batch.
        optimizer: not built yet.
        ema_decay: of the average of the weights, which is what is judged and kept.
    """

    title: str
    folder: Path
    batches: EpochBatches
    epochs: int
    loss: Any
    optimizer: Any
    ema_decay: float


def run_phase(phase: Phase, decoder: Decoder, score: Callable[[], float], *, progress: bool) -> dict[str, float]:
    """Run the epochs that are left.

    Args:
        phase: what to do.
        decoder: its weights are where the phase begins, unless it is resumed.
        score: judges the decoder's weights after each epoch: dev BLEU-4, 0–100.
        progress: whether to show a bar.

    Returns:
        The best epoch's log.

    Raises:
        TrainingError: the checkpoint is of another decoder, or the loss is no number.
    """
    make_folder(phase.folder)
    compile_decoder(decoder, phase)
    weights = named_weights(decoder)
    average = Average(list(weights.values()), phase.ema_decay)
    checkpoint = Checkpoint(phase.folder, list(weights), average)
    checkpoint.set_model(decoder)
    done = checkpoint.restore()
    if done:
        logger.info("%s: going on after %s %d", phase.folder, phase.title, done)
    callbacks = [
        average,
        ProgressCallback(phase.title, phase.epochs, len(phase.batches), phase.batches.target_tokens, enabled=progress),
        Evaluate(average, score),
        checkpoint,
        EpochLog(phase.title, logger.info),
        *tensorboard(phase.folder),
    ]
    every = keras.callbacks.CallbackList(callbacks, model=decoder)
    _run_epochs(decoder, phase.batches, range(done, phase.epochs), every)
    return checkpoint.best


def compile_decoder(decoder: Decoder, phase: Phase) -> None:
    """Give a decoder the phase's loss and optimizer, whose variables are made."""
    # XLA made this ten times slower on a CPU; other backends than TensorFlow have their own compilers
    jit_compile = False if keras.backend.backend() == "tensorflow" else "auto"
    decoder.compile(optimizer=phase.optimizer, loss=phase.loss, jit_compile=jit_compile)
    decoder.optimizer.build(decoder.trainable_variables)


def _run_epochs(decoder: Decoder, batches: EpochBatches, epochs: range, callbacks: Any) -> None:
    """`Model.fit`, but for batches whose length varies: `fit` infers shapes from the first two, and fails later."""
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
    """Raise TrainingError unless a batch's loss is a number."""
    if not isfinite(loss):
        raise TrainingError(f"{place}: the loss is {loss}; lower the learning_rate")


def tensorboard(folder: Path) -> list[Any]:
    """Return the callback that writes TensorBoard's files, or none where that is not installed."""
    if find_spec("tensorboard") is None:
        logger.warning("tensorboard is not installed: log.csv only (%s for both)", install_line("train"))
        return []
    return [keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False)]
