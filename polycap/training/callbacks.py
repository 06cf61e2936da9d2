"""What happens around the batches and epochs of a run: averaging, dev BLEU, checkpoints, logs, the bar."""

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

__all__ = ["BEST", "Average", "Checkpoint", "EpochLog", "Evaluate", "ProgressCallback", "save_arrays", "write_log"]

BEST = "best.npz"
"""The file of a phase's best weights."""


AVERAGE_EVERY = 8
"""Steps from one bringing up to date to the next, which goes through all weights: a fifteenth of a step's time."""

FIRST_STEPS = 16
"""So many are averaged one by one; a multiple of `AVERAGE_EVERY`."""


class Average(keras.callbacks.Callback):  # type: ignore[misc]
    """An exponential moving average of the weights (Polyak and Juditsky, 1992), by which the run is judged.

    The decay grows with the steps, min(decay, (1 + step) / (10 + step)): an average that starts at full decay lags
    behind for epochs. After the first steps it is brought up to date every few, for as many at once.
    """

    def __init__(self, weights: list[Any], decay: float) -> None:
        super().__init__()
        self.weights, self.decay, self.step = weights, decay, 0
        # Copies: JAX hands the weights' own memory on to the next step.
        copies = map(keras.ops.copy, weights)
        self.average = [keras.Variable(c, trainable=False, name=f"average_{i}") for i, c in enumerate(copies)]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self.step += 1
        steps = AVERAGE_EVERY if self.step > FIRST_STEPS else 1
        if self.step % steps:
            return
        share = 1.0 - min(self.decay, (1 + self.step) / (10 + self.step)) ** steps
        for mean, weight in zip(self.average, self.weights, strict=True):
            mean.assign_add((weight.value - mean.value) * share)

    def swap(self) -> None:
        """Exchange the weights and their average; a second call exchanges them back."""
        for mean, weight in zip(self.average, self.weights, strict=True):
            kept = keras.ops.copy(weight.value)
            weight.assign(mean.value)
            mean.assign(kept)


class Evaluate(keras.callbacks.Callback):  # type: ignore[misc]
    """Scores the averaged weights after each epoch; `dev_bleu4` and `dev_seconds` join the epoch's logs."""

    def __init__(self, average: Average, score: Callable[[], float]) -> None:
        super().__init__()
        self.average, self.score = average, score

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        start = time.monotonic()
        self.average.swap()
        try:
            bleu4 = self.score()
        finally:
            self.average.swap()
        if logs is not None:
            logs |= {"dev_bleu4": bleu4, "dev_seconds": time.monotonic() - start}


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch, all that the next one needs, in one file that is replaced in one step.

    Beside it, `best.npz` holds the averaged weights of the epoch with the best `dev_bleu4`, and `log.csv` the epochs.
    """

    def __init__(self, folder: Path, names: list[str], average: Average) -> None:
        super().__init__()
        self.path, self.best_path, self.log_path = (folder / n for n in ("checkpoint.npz", BEST, LOG))
        self.names, self.average = names, average
        self.history: list[dict[str, float]] = []

    @property
    def best(self) -> dict[str, float]:
        """The log of the best epoch so far."""
        return max(self.history, key=lambda row: row["dev_bleu4"])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        row = {"epoch": float(epoch + 1), **{key: float(value) for key, value in (logs or {}).items()}}
        self.history.append(row)
        if row is self.best:
            self._save_best()
        save_arrays(self.path, self._state())
        self._write_log()

    def _save_best(self) -> None:
        average = {name: np.asarray(mean) for name, mean in zip(self.names, self.average.average, strict=True)}
        save_arrays(self.best_path, average)

    def _write_log(self) -> None:
        write_log(self.log_path, self.history)

    def restore(self) -> int:
        """Take up the last checkpoint, if there is one.

        Returns:
            The number of epochs that are done.

        Raises:
            TrainingError: the checkpoint is of another decoder.
        """
        if not self.path.is_file():
            return 0
        try:
            with self.path.open("rb") as stream, np.load(stream) as state:
                for name, variable in self._variables().items():
                    variable.assign(state[name])
                self.average.step = int(state["step"])
                columns = [str(c) for c in state["columns"]]
                self.history = [dict(zip(columns, map(float, row), strict=True)) for row in state["history"]]
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise TrainingError(f"{self.path}: can't be resumed from ({error}); delete the run folder") from error
        self._write_log()  # the run may have been killed after the checkpoint and before the log
        return len(self.history)

    def _variables(self) -> dict[str, Any]:
        model, average = self.model, self.average.average
        return {
            **{f"model/{i}": v for i, v in enumerate(model.variables)},
            **{f"optimizer/{i}": v for i, v in enumerate(model.optimizer.variables)},
            **{f"average/{i}": v for i, v in enumerate(average)},
        }

    def _state(self) -> dict[str, NDArray[Any]]:
        columns = list(self.history[0])
        return {
            **{name: np.asarray(variable) for name, variable in self._variables().items()},
            "step": np.array(self.average.step),
            "columns": np.array(columns),
            "history": np.array([[row[c] for c in columns] for row in self.history]),
        }


def write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """Write a `log.csv`, unless it is as it should be."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    there = path.read_bytes() if path.is_file() else b""
    if there != text.getvalue().encode():
        write_text(path, text.getvalue())


class ProgressCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """A bar over the epoch's batches, on stderr; `seconds` and `tokens_per_second` join the epoch's logs."""

    def __init__(
        self, title: str, epochs: int, batches: int, target_tokens: Callable[[], int], *, enabled: bool = True
    ) -> None:
        super().__init__()
        self.title, self.epochs, self.batches = title, epochs, batches
        self.target_tokens, self.enabled = target_tokens, enabled

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        title = f"{self.title} {epoch + 1}/{self.epochs}"
        self.bar = progress_bar(show=self.enabled, total=self.batches, description=title, unit="batch")
        self.start = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.bar.update()
        if batch % 10 == 0 and logs:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        if logs is not None:
            logs["seconds"] = time.monotonic() - self.start
            logs["tokens_per_second"] = self.target_tokens() / logs["seconds"]
        self.bar.close()


class EpochLog(keras.callbacks.Callback):  # type: ignore[misc]
    """One line per epoch for the log, when all figures are in."""

    def __init__(self, title: str, write: Callable[[str], None]) -> None:
        super().__init__()
        self.title, self.write = title, write

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = "  ".join(f"{key} {value:.4g}" for key, value in (logs or {}).items())
        self.write(f"{self.title} {epoch + 1}: {figures}")


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
