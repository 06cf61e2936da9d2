"""Teacher forcing of several languages in turns: a batch of each, over photo layers that they share.

In a turn each language makes its step from the same photo layers, which then move by the mean of those steps. Steps one
after another would move them several times as far as one language does: English, beside three others, then fell from
dev BLEU-4 19.6 after two epochs to 19.0 after three; alone it rose from 20.4 to 21.2. A language counts in that mean by
the weight of its captions.

The epochs are judged by the mean of all languages' dev BLEU-4, so that all keep the weights of one epoch: their photo
layers stay the same numbers.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polycap.decoder.base import Decoder
from polycap.decoder.weights import named_weights
from polycap.files import make_folder
from polycap.machine.backend import keras
from polycap.training.callbacks import BEST, Average, Checkpoint, EpochLog, ProgressCallback, save_arrays, write_log
from polycap.training.interrupt import deferred_interrupt
from polycap.training.log import LOG
from polycap.training.phase import EpochBatches, Phase, compile_decoder, require_finite, tensorboard, trace_graphs

__all__ = ["MeanStep", "Member", "in_turns", "run_in_turns"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Member:
    """One language among those that learn in turns.

    Attributes:
        code: code of the language.
        phase: its batches, loss and optimizer, and the folder of its best weights and its log.
        decoder: its decoder, which shares photo layers with those of the others.
        score: function that returns the dev BLEU-4 of the decoder's weights, 0–100.
        weight: weight of its steps of the photo layers. (default: 1)
    """

    code: str
    phase: Phase
    decoder: Decoder
    score: Callable[[], float]
    weight: float = 1.0


def run_in_turns(members: Sequence[Member], folder: Path, *, progress: bool | None) -> dict[str, dict[str, float]]:
    """Run the remaining epochs.

    Args:
        members: languages; their phases have the same number of epochs and the same `ema_decay`.
        folder: checkpoint and log of all languages together.
        progress: whether to draw a progress bar on stderr; None for in a terminal.

    Returns:
        Each language's log of the best epoch, by code.

    Raises:
        TrainingError: the checkpoint is of other decoders, or a loss is not finite.
    """
    for member in members:
        make_folder(member.phase.folder)
        compile_decoder(member.decoder, member.phase)
    weights = {id(v): v for member in members for v in named_weights(member.decoder).values()}
    average = Average(list(weights.values()), members[0].phase.ema_decay)
    checkpoint = SharedCheckpoint(folder, members, average)
    done = checkpoint.restore()
    if done:
        logger.info("%s: resuming after epoch %d", folder, done)
    epochs = members[0].phase.epochs
    if done < epochs:
        for member in members:
            trace_graphs(member.decoder, member.phase.batches)
    callbacks = [_callbacks(member) for member in members]
    batches = sum(len(member.phase.batches) for member in members)
    bar = ProgressCallback("epoch", epochs, batches, lambda: 0, enabled=progress)
    with deferred_interrupt() as check_interrupt:
        for epoch in range(done, epochs):
            bar.on_epoch_begin(epoch)
            rows = _run_epoch(members, epoch, average, bar, check_interrupt)
            bar.on_epoch_end(epoch)
            _score(members, average, rows)
            checkpoint.record(epoch, rows)
            for each, row in zip(callbacks, rows, strict=True):
                each.on_epoch_end(epoch, row)
    for each in callbacks:
        each.on_train_end()
    return checkpoint.best_rows()


def in_turns(batches: Sequence[EpochBatches]) -> Iterator[list[tuple[int, tuple[Any, ...]]]]:
    """Iterate over an epoch's turns, lists of `(index, batch)`: a batch of each.

    Where one has fewer batches than another, the turns without it are spread over the epoch.
    """
    iterators = [iter(each) for each in batches]
    lengths = list(map(len, batches))
    turns = max(lengths)
    for turn in range(turns):
        due = [(turn + 1) * length // turns > turn * length // turns for length in lengths]
        yield [(index, next(iterator)) for index, iterator in enumerate(iterators) if due[index]]


class MeanStep:
    """Weighted mean of several steps of shared weights, each of which begins with the weights before all of them."""

    def __init__(self, weights: Sequence[Any]) -> None:
        self._weights = weights
        self._before = [keras.ops.copy(weight.value) for weight in weights]
        self._total = [keras.ops.zeros_like(value) for value in self._before]
        self._share = 0.0

    def add(self, share: float = 1.0) -> None:
        """Add the step that the weights have made, and undo it; `share` is its weight in the mean."""
        moved = zip(self._total, self._weights, self._before, strict=True)
        self._total = [total + share * (weight.value - before) for total, weight, before in moved]
        self._share += share
        self._set([0.0] * len(self._before))

    def apply(self) -> None:
        """Move the weights by the mean of the steps."""
        self._set([total / self._share for total in self._total])

    def _set(self, steps: Sequence[Any]) -> None:
        for weight, before, step in zip(self._weights, self._before, steps, strict=True):
            weight.assign(before + step)


def _run_epoch(
    members: Sequence[Member], epoch: int, average: Average, bar: ProgressCallback, check_interrupt: Callable[[], None]
) -> list[dict[str, float]]:
    """Run an epoch; returns each language's loss, seconds of training and tokens per second."""
    for member in members:
        member.phase.batches.start(epoch)
    losses: list[list[float]] = [[] for _ in members]
    seconds, total, count = [0.0] * len(members), 0.0, 0
    for turn in in_turns([member.phase.batches for member in members]):
        mean = MeanStep(members[0].decoder.photo_layers.trainable_variables)
        for index, batch in turn:
            start = time.monotonic()
            loss = float(members[index].decoder.train_on_batch(*batch))
            mean.add(members[index].weight)
            seconds[index] += time.monotonic() - start
            check_interrupt()
            require_finite(loss, f"{members[index].code}: epoch {epoch + 1}")
            losses[index].append(loss)
            total, count = total + loss, count + 1
            bar.on_train_batch_end(count, {"loss": total / count})
        mean.apply()
        average.on_train_batch_end(count)
    return [
        {
            "loss": float(np.mean(loss)),
            "seconds": spent,
            "tokens_per_second": member.phase.batches.target_tokens() / spent,
        }
        for member, loss, spent in zip(members, losses, seconds, strict=True)
    ]


def _score(members: Sequence[Member], average: Average, rows: list[dict[str, float]]) -> None:
    """Add each language's `dev_bleu4` and `dev_seconds` to its row, by the averaged weights."""
    average.swap()
    try:
        for member, row in zip(members, rows, strict=True):
            start = time.monotonic()
            row["dev_bleu4"] = member.score()
            row["dev_seconds"] = time.monotonic() - start
    finally:
        average.swap()


def _callbacks(member: Member) -> Any:
    every = [EpochLog(f"{member.code}: epoch", logger.info), *tensorboard(member.phase.folder)]
    callbacks = keras.callbacks.CallbackList(every, model=member.decoder)
    callbacks.on_train_begin()
    return callbacks


class SharedCheckpoint(Checkpoint):
    """Checkpoint of all languages, in one file: a run that is killed resumes with all of them after the same epoch.

    The folder's `log.csv` has the means of all languages, and each language's folder its own `best.npz` and `log.csv`.
    """

    def __init__(self, folder: Path, members: Sequence[Member], average: Average) -> None:
        super().__init__(folder, [], average)
        self.members = members

    def record(self, epoch: int, rows: Sequence[dict[str, float]]) -> None:
        """Save an epoch, counted from 0, of which each language has a row."""
        means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        of_each = {f"{m.code}/{key}": row[key] for m, row in zip(self.members, rows, strict=True) for key in row}
        self.on_epoch_end(epoch, means | of_each)

    def best_rows(self) -> dict[str, dict[str, float]]:
        """Return each language's row of the best epoch, by code."""
        return {member.code: _row_of(member, self.best) for member in self.members}

    def _save_best(self) -> None:
        means = {id(v): mean for v, mean in zip(self.average.weights, self.average.average, strict=True)}
        for member in self.members:
            weights = {name: np.asarray(means[id(v)]) for name, v in named_weights(member.decoder).items()}
            save_arrays(member.phase.folder / BEST, weights)

    def _write_log(self) -> None:
        super()._write_log()
        for member in self.members:
            write_log(member.phase.folder / LOG, [_row_of(member, row) for row in self.history])

    def _variables(self) -> dict[str, Any]:
        variables = {f"average/{i}": v for i, v in enumerate(self.average.average)}
        for member in self.members:
            model, code = member.decoder, member.code
            variables |= {f"{code}/model/{i}": v for i, v in enumerate(model.variables)}
            variables |= {f"{code}/optimizer/{i}": v for i, v in enumerate(model.optimizer.variables)}
        return variables


def _row_of(member: Member, row: dict[str, float]) -> dict[str, float]:
    """Return a language's part of a row of all languages."""
    start = f"{member.code}/"
    of_member = {key.removeprefix(start): value for key, value in row.items() if key.startswith(start)}
    return {"epoch": row["epoch"], **of_member}
