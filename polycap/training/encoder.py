"""Tuning of the encoder: its exit flow learns which words people's captions of a photo contain.

A run folder::

    config.json          settings and hashes of the inputs
    checkpoint.npz       the state after the last epoch, or the last `checkpoint_steps` steps
    log.csv              a row per epoch: loss, mean average precision of words on dev photos, seconds
    xception.safetensors the result: Xception's tensors, those of the exit flow tuned
    words.json           the words in the order of the classifier's columns: code and word
    words.safetensors    the classifier of words over the mean cell: kernel and bias, float16

References: words of captions as a photo's labels: Fang et al. (2015), "From Captions to Visual Concepts and Back",
arXiv:1411.4952; Gan et al. (2017), "Semantic Compositional Networks for Visual Captioning", arXiv:1611.08002. Weights
interpolated between the tuned and the untuned network: Wortsman et al. (2022), arXiv:2109.01903.
"""

import csv
import io
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from polycap.dataset import Photo
from polycap.encoder.weight_files import Tensors, save_weights, tensors_hash
from polycap.errors import TrainingError
from polycap.features.store import FeatureStore
from polycap.files import digest, make_folder, write_json, write_text
from polycap.files.progress import progress_bar
from polycap.files.tensors import save_tensors
from polycap.language import Language
from polycap.machine.backend import allow_bfloat16
from polycap.training.callbacks import save_arrays
from polycap.training.caption_words import CaptionWords, average_precision
from polycap.training.encoder_settings import EncoderSettings
from polycap.training.exit_flow import ExitFlowTrainer, require_tensorflow
from polycap.training.interrupt import deferred_interrupt
from polycap.training.log import LOG
from polycap.training.run_folder import start_or_check

__all__ = ["TUNED_WEIGHTS", "EncoderInputs", "TunedExitFlow", "tune_exit_flow"]

logger = logging.getLogger(__name__)

TUNED_WEIGHTS = "xception.safetensors"
"""File of the result in a run folder; `encoder_weights` takes it."""
CHECKPOINT = "checkpoint.npz"
Epoch = dict[str, float]


@dataclass(frozen=True)
class EncoderInputs:
    """Inputs of the encoder's tuning.

    Attributes:
        tensors: Xception's tensors to begin with.
        stores: activations of the middle flow, the plain view first.
        captions: languages with the captions of photos, each caption with its weight.
        train, dev: names of photos in the two splits.
    """

    tensors: Tensors
    stores: Sequence[FeatureStore]
    captions: Sequence[tuple[Language, Sequence[Photo]]]
    train: Sequence[str]
    dev: Sequence[str]


@dataclass(frozen=True)
class TunedExitFlow:
    """Result of the exit flow's tuning.

    Attributes:
        weights: file of Xception's tensors, as `encoder_weights` takes it.
        epochs: log of each epoch: epoch, loss, mean_average_precision (0 to 1), seconds.
    """

    weights: Path
    epochs: tuple[Epoch, ...]


@dataclass
class _Progress:
    """Steps that are done, the losses of the unfinished epoch and its seconds, and the log of finished epochs."""

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)


def tune_exit_flow(
    inputs: EncoderInputs, folder: Path, settings: EncoderSettings | None = None, *, progress: bool | None = None
) -> TunedExitFlow:
    """Tune the exit flow on words of captions, or resume the run in `folder`.

    A finished run is only saved again, such as with another `share`.

    Args:
        inputs: activations and captions.
        folder: folder of the run.
        settings: settings of the tuning. (default: `EncoderSettings()`)
        progress: draw a bar on stderr. (default: if it is a terminal)

    Raises:
        TrainingError: Keras has another backend than TensorFlow, a split has no photos, a language has no captions of
            train photos, `folder` has another run, or the loss is not finite.
    """
    require_tensorflow()
    settings = settings or EncoderSettings()
    for split, names in (("train", inputs.train), ("dev", inputs.dev)):
        if not names:
            raise TrainingError(f"no photo of the {split} split to tune the encoder with; give a dataset with splits")
    words = CaptionWords.of(inputs.captions, [*inputs.train, *inputs.dev], len(inputs.train), settings.words)
    start_or_check(make_folder(folder), _config(inputs, words, settings))
    run = _Run(inputs, words, settings, folder)
    run.train(show=progress)
    return run.save()


def _config(inputs: EncoderInputs, words: CaptionWords, settings: EncoderSettings) -> dict[str, Any]:
    first = inputs.stores[0]
    return {
        "settings": settings.model_dump(exclude={"checkpoint_steps", "share"}),
        "weights": tensors_hash(inputs.tensors),
        "activations": first.encoder,
        "precision": first.precision,
        "views": ["mirrored" if store.mirrored else "plain" for store in inputs.stores],
        "photos": digest([list(inputs.train), list(inputs.dev)]),
        "words": digest(words.words),
        "shares": words.identity,
    }


class _Run:
    """A run: its position, its batches, and the trainer."""

    def __init__(self, inputs: EncoderInputs, words: CaptionWords, settings: EncoderSettings, folder: Path) -> None:
        self._words, self._settings, self._folder = words, settings, folder
        self._train = [store.rows(inputs.train) for store in inputs.stores]  # rows by view
        self._dev = inputs.stores[0].rows(inputs.dev)
        self._activations = [store.features for store in inputs.stores]
        self._batch = min(settings.photos_per_batch, len(inputs.train))
        self._per_epoch = len(inputs.train) // self._batch
        self._position = _Progress()
        allow_bfloat16()
        shares, weights = words.rows(np.arange(len(inputs.train)))
        known = (weights > 0).astype(np.float32)
        mean_shares = shares.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        self._trainer = ExitFlowTrainer(inputs.tensors, mean_shares, settings, self._per_epoch)
        self._restore()

    def train(self, *, show: bool | None) -> None:
        """Run the steps that are left, with a score and a checkpoint after each epoch."""
        total, position = self._settings.epochs * self._per_epoch, self._position
        bar = progress_bar(show=show, total=total, done=position.step, unit="step", description="words of captions")
        with deferred_interrupt() as check_interrupt, bar:
            while position.step < total:
                start = time.monotonic()
                self._step()
                position.seconds += time.monotonic() - start
                check_interrupt()
                bar.update()
                if position.step % self._per_epoch == 0:
                    self._end_epoch()
                elif position.step % self._settings.checkpoint_steps == 0:
                    self._checkpoint()

    def save(self) -> TunedExitFlow:
        """Write the results."""
        save_weights(self._trainer.tuned_tensors(self._settings.share), self._folder / TUNED_WEIGHTS)
        write_json(self._folder / "words.json", [list(word) for word in self._words.words])
        save_tensors(self._folder / "words.safetensors", self._trainer.classifier())
        return TunedExitFlow(self._folder / TUNED_WEIGHTS, tuple(self._position.epochs))

    def _step(self) -> None:
        epoch, index = divmod(self._position.step, self._per_epoch)
        # Generators of their own, so that a resumed run draws what an uninterrupted one does.
        order = np.random.default_rng([self._settings.seed, 0, epoch]).permutation(len(self._train[0]))
        photos = np.sort(order[index * self._batch : (index + 1) * self._batch])
        draw = np.random.default_rng([self._settings.seed, 1, self._position.step])
        views = draw.integers(len(self._train), size=len(photos))
        kept = draw.random((len(photos), self._trainer.channels)) >= self._settings.dropout
        rows = zip(views, photos, strict=True)
        activations = np.stack([self._activations[view][self._train[view][photo]] for view, photo in rows])
        loss = self._trainer.step(activations, *self._words.rows(photos), kept.astype(np.float32))
        if not isfinite(loss):
            raise TrainingError(f"step {self._position.step + 1}: the loss is {loss}; lower `learning_rate`")
        self._position.losses.append(loss)
        self._position.step += 1

    def _end_epoch(self) -> None:
        position = self._position
        epoch = {
            "epoch": float(len(position.epochs) + 1),
            "loss": float(np.mean(position.losses)),
            "mean_average_precision": self._score(),
            "seconds": position.seconds,
        }
        position.epochs.append(epoch)
        position.losses, position.seconds = [], 0.0
        self._checkpoint()
        logger.info("epoch %d: %s", len(position.epochs), "  ".join(f"{k} {v:.4g}" for k, v in epoch.items()))

    def _score(self) -> float:
        """Return the mean average precision of words on the dev photos."""
        parts = np.split(self._dev, range(self._batch, len(self._dev), self._batch))
        scores = [self._trainer.scores(np.asarray(self._activations[0][rows])) for rows in parts]
        first = len(self._train[0])
        return average_precision(np.concatenate(scores), self._words, np.arange(first, first + len(self._dev)))

    def _checkpoint(self) -> None:
        position = json.dumps(vars(self._position))
        save_arrays(self._folder / CHECKPOINT, {**self._trainer.state(), "position": np.array(position)})
        self._write_log()
        if self._position.losses:
            mean = np.mean(self._position.losses[-self._settings.checkpoint_steps :])
            logger.info("step %d: loss %.3f", self._position.step, mean)

    def _restore(self) -> None:
        path = self._folder / CHECKPOINT
        if not path.is_file():
            return
        try:
            with path.open("rb") as stream, np.load(stream) as state:
                self._position = _Progress(**json.loads(str(state["position"])))
                self._trainer.restore(dict(state))
        except (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile) as error:
            raise TrainingError(f"{path}: can't be resumed from ({error}); delete the run folder") from error
        self._write_log()  # the run may have been killed after the checkpoint and before the log
        logger.info("%s: resuming after step %d", self._folder, self._position.step)

    def _write_log(self) -> None:
        if not self._position.epochs:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self._position.epochs[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._position.epochs)
        write_text(self._folder / LOG, text.getvalue())
