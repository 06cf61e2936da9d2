"""Callbacks of a run: averaged weights, dev score, checkpoints, logs and progress bar."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from polycap.errors import TrainingError
from polycap.files import atomic_path, write_text
from polycap.files.progress import progress_bar
from polycap.machine.backend import keras
from polycap.training.log import LOG

__all__ = ["BEST", "Average", "Checkpoint", "DevEvaluation", "EpochLog", "ProgressCallback", "save_arrays", "write_log"]

BEST = "best.npz"
"""Name of the file of a phase's best weights."""

AVERAGE_EVERY = 8
"""Steps between two updates of the average. An update of all weights takes a fifteenth of a step's time."""

FIRST_STEPS = 16
"""Number of first steps that each update the average; a multiple of `AVERAGE_EVERY`."""


class Average(keras.callbacks.Callback):  # type: ignore[misc]
    """Exponential moving average of the weights (Polyak and Juditsky, 1992), which is evaluated and saved.

    The decay grows with the steps, min(decay, (1 + step) / (10 + step)): with the full decay from the start, the
    average would lag behind for epochs. After the first steps the average is updated every few steps, for all of them
    at once.
    """

    def __init__(self, weights: list[Any], decay: float) -> None:
        super().__init__()
        self.weights, self.decay, self.step = weights, decay, 0
        # Copies: JAX reuses the memory of the weights in the next step.
        copies = map(keras.ops.copy, weights)
        self.average = [
            keras.Variable(copy, trainable=False, name=f"average_{index}") for index, copy in enumerate(copies)
        ]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Update the average."""
        self.step += 1
        steps = AVERAGE_EVERY if self.step > FIRST_STEPS else 1
        if self.step % steps:
            return
        rate = 1.0 - min(self.decay, (1 + self.step) / (10 + self.step)) ** steps
        for mean, weight in zip(self.average, self.weights, strict=True):
            mean.assign_add((weight.value - mean.value) * rate)

    def swap(self) -> None:
        """Swap the weights and their average; a second call swaps them back."""
        for mean, weight in zip(self.average, self.weights, strict=True):
            value = keras.ops.copy(weight.value)
            weight.assign(mean.value)
            mean.assign(value)


class DevEvaluation(keras.callbacks.Callback):  # type: ignore[misc]
    """Dev score of the averaged weights after each epoch; adds `dev_bleu4` and `dev_seconds` to the epoch's logs."""

    def __init__(self, average: Average, score: Callable[[], float]) -> None:
        super().__init__()
        self.average, self.score = average, score

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Compute the dev score."""
        start = time.monotonic()
        self.average.swap()
        try:
            bleu4 = self.score()
        finally:
            self.average.swap()
        if logs is not None:
            logs |= {"dev_bleu4": bleu4, "dev_seconds": time.monotonic() - start}


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Checkpoint after each epoch: the state of the run in one file, replaced atomically.

    Also writes the averaged weights of the epoch with the best `dev_bleu4` to `best.npz`, and the epochs to `log.csv`.
    """

    def __init__(self, folder: Path, names: list[str], average: Average) -> None:
        super().__init__()
        self.path, self.best_path, self.log_path = (folder / name for name in ("checkpoint.npz", BEST, LOG))
        self.names, self.average = names, average
        self.history: list[dict[str, float]] = []

    @property
    def best(self) -> dict[str, float]:
        """Log of the best epoch so far."""
        return max(self.history, key=lambda row: row["dev_bleu4"])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the checkpoint, the best weights and the log."""
        row = {"epoch": float(epoch + 1), **{key: float(value) for key, value in (logs or {}).items()}}
        self.history.append(row)
        if row is self.best:
            self._save_best()
        save_arrays(self.path, self._state())
        self._write_log()

    def _save_best(self) -> None:
        """Write the averaged weights as the best ones."""
        average = {name: np.asarray(mean) for name, mean in zip(self.names, self.average.average, strict=True)}
        save_arrays(self.best_path, average)

    def _write_log(self) -> None:
        """Write the log, unless it is unchanged."""
        write_log(self.log_path, self.history)

    def restore(self) -> int:
        """Load the last checkpoint, if there is one.

        Returns:
            The number of finished epochs.

        Raises:
            TrainingError: the checkpoint is broken, or is of another decoder.
        """
        if not self.path.is_file():
            return 0
        try:
            with self.path.open("rb") as stream, np.load(stream) as state:
                for name, variable in self._variables().items():
                    variable.assign(state[name])
                self.average.step = int(state["step"])
                columns = [str(column) for column in state["columns"]]
                self.history = [dict(zip(columns, map(float, row), strict=True)) for row in state["history"]]
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise TrainingError(f"{self.path}: can't be resumed from ({error}); delete the run folder") from error
        self._write_log()  # the run may have been killed between checkpoint and log
        return len(self.history)

    def _variables(self) -> dict[str, Any]:
        """Return the variables of model, optimizer and average by their names in the checkpoint."""
        model, average = self.model, self.average.average
        return {
            **{f"model/{index}": variable for index, variable in enumerate(model.variables)},
            **{f"optimizer/{index}": variable for index, variable in enumerate(model.optimizer.variables)},
            **{f"average/{index}": variable for index, variable in enumerate(average)},
        }

    def _state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the checkpoint."""
        columns = list(self.history[0])
        return {
            **{name: np.asarray(variable) for name, variable in self._variables().items()},
            "step": np.array(self.average.step),
            "columns": np.array(columns),
            "history": np.array([[row[column] for column in columns] for row in self.history]),
        }


def write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """Write a `log.csv`, unless it is unchanged."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    current = path.read_bytes() if path.is_file() else b""
    if current != text.getvalue().encode():
        write_text(path, text.getvalue())


class ProgressCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Progress bar of an epoch's batches on stderr; adds `seconds` and `tokens_per_second` to the epoch's logs."""

    def __init__(
        self, title: str, epochs: int, batches: int, target_tokens: Callable[[], int], *, enabled: bool | None = None
    ) -> None:
        super().__init__()
        self.title, self.epochs, self.batches = title, epochs, batches
        self.target_tokens, self.enabled = target_tokens, enabled

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Create the bar."""
        title = f"{self.title} {epoch + 1}/{self.epochs}"
        self.bar = progress_bar(show=self.enabled, total=self.batches, description=title, unit="batch")
        self.start = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance the bar; print the loss every tenth batch."""
        self.bar.update()
        if batch % 10 == 0 and logs:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Add time and speed to the logs, and close the bar."""
        if logs is not None:
            logs["seconds"] = time.monotonic() - self.start
            logs["tokens_per_second"] = self.target_tokens() / logs["seconds"]
        self.bar.close()


class EpochLog(keras.callbacks.Callback):  # type: ignore[misc]
    """Log message of an epoch, with all figures that other callbacks added."""

    def __init__(self, title: str, write: Callable[[str], None]) -> None:
        super().__init__()
        self.title, self.write = title, write

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the message."""
        figures = "  ".join(f"{key} {value:.4g}" for key, value in (logs or {}).items())
        self.write(f"{self.title} {epoch + 1}: {figures}")


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write arrays to an `.npz` file, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
