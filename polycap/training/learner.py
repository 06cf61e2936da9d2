"""What a run does with its inputs: teacher forcing, self-critical training, and what lies between their weights.

Self-critical training makes captions score higher and more alike. Between the weights that it began with and those
that it ends with, on the straight line, lie some that score higher than both and keep most of the words.

Reference: Wortsman et al. (2022), "Robust fine-tuning of zero-shot models", arXiv:2109.01903 (the line).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.base import Decoder
from polycap.decoder.sampling import Sampler
from polycap.decoder.weights import assign_weights, named_weights
from polycap.text.tokenizer import Tokenizer
from polycap.training.batches import Batches
from polycap.training.callbacks import BEST, save_arrays
from polycap.training.dev_score import make_dev_score
from polycap.training.examples import reward_references, train_examples
from polycap.training.initialize import set_token_frequencies
from polycap.training.inputs import TrainingInputs
from polycap.training.loss import TokenLoss
from polycap.training.optimizers import self_critical_optimizer, teacher_forcing_optimizer
from polycap.training.phase import Phase, run_phase
from polycap.training.rewards import rewards_by_name
from polycap.training.self_critical import DrawnBatches, PolicyLoss
from polycap.training.settings import TrainingSettings

__all__ = ["SELF_CRITICAL", "Learner", "TrainedWeights", "read_arrays"]

SELF_CRITICAL = "self-critical"
"""The folder of the second phase."""

INTERPOLATED = "between.npz"
"""The file of the weights between both phases' best."""


@dataclass(frozen=True)
class TrainedWeights:
    """What a run ends with: the file of its weights, by name, and what the pack's card says of how they were chosen."""

    weights: Path
    facts: dict[str, Any]


class Learner:
    """The phases of one run; each goes on where it stopped.

    Attributes:
        dev_score: captions the dev split by the decoder's weights and returns its BLEU-4, 0–100.
    """

    def __init__(
        self,
        inputs: TrainingInputs,
        settings: TrainingSettings,
        decoder: Decoder,
        tokenizer: Tokenizer,
        folder: Path,
        *,
        progress: bool,
    ) -> None:
        self._inputs, self._settings, self._decoder, self._tokenizer = inputs, settings, decoder, tokenizer
        self._folder, self._progress = folder, progress
        self._examples, self._weights = train_examples(inputs, tokenizer)
        self.dev_score = make_dev_score(inputs, decoder, tokenizer)

    def expect_frequencies(self) -> None:
        """See `polycap.training.initialize`."""
        set_token_frequencies(self._decoder, (ids for _, captions in self._examples for ids in captions))

    def learn(self) -> TrainedWeights:
        """Run the epochs that are left of all phases."""
        return self.finish(self._run(self.forced_phase()) if self._settings.epochs else self._begin())

    def finish(self, forced: dict[str, float]) -> TrainedWeights:
        """Run what follows teacher forcing, whose best epoch has the log `forced`."""
        facts: dict[str, Any] = {
            "best epoch": int(forced["epoch"]),
            "best epoch's dev BLEU-4": round(forced["dev_bleu4"], 2),
        }
        if not self._settings.self_critical_epochs:
            return TrainedWeights(self._folder / BEST, facts)
        free, score = self._speak_freely(), self._go_between()
        if score < forced["dev_bleu4"]:
            return TrainedWeights(self._folder / BEST, facts)
        facts |= {"best self-critical epoch": int(free["epoch"]), "dev BLEU-4": round(score, 2)}
        return TrainedWeights(self._folder / INTERPOLATED, facts)

    def forced_phase(self) -> Phase:
        """Return the phase of teacher forcing."""
        settings, batches = self._settings, self._batches()
        optimizer = teacher_forcing_optimizer(settings, len(batches))
        loss = TokenLoss(settings.label_smoothing, self._tokenizer.vocab_size)
        return Phase("epoch", self._folder, batches, settings.epochs, loss, optimizer, settings.ema_decay)

    def _begin(self) -> dict[str, float]:
        """No epoch of teacher forcing: what the run began with is its result."""
        path = self._folder / BEST
        if not path.is_file():
            save_arrays(path, _arrays(self._decoder))
        self._take(read_arrays(path))
        return {"epoch": 0, "dev_bleu4": self.dev_score()}

    def _speak_freely(self) -> dict[str, float]:
        """Self-critical training from the best forced weights; returns the best epoch's log."""
        settings = self._settings
        self._take(read_arrays(self._folder / BEST))
        batches = self._batches()
        references = reward_references(self._inputs, [name for name, _ in self._examples])
        counts = self._inputs.language.evaluation.sacrebleu_tokenizer
        drawn = DrawnBatches(
            batches,
            references,
            self._tokenizer,
            Sampler(self._decoder),
            rewards_by_name(settings.self_critical_reward, counts, references),
            captions=settings.self_critical_samples,
            length=settings.max_tokens,
            seed=settings.seed,
        )
        return self._run(
            Phase(
                "self-critical epoch",
                self._folder / SELF_CRITICAL,
                drawn,
                settings.self_critical_epochs,
                PolicyLoss(),
                self_critical_optimizer(settings, len(batches)),
                settings.self_critical_ema_decay,
            )
        )

    def _go_between(self) -> float:
        """Take and keep the weights between both phases' best; returns their dev BLEU-4."""
        share = self._settings.self_critical_share
        forced, free = (read_arrays(folder / BEST) for folder in (self._folder, self._folder / SELF_CRITICAL))
        between = {name: forced[name] + np.float32(share) * (free[name] - forced[name]) for name in forced}
        save_arrays(self._folder / INTERPOLATED, between)
        self._take(between)
        return self.dev_score()

    def _run(self, phase: Phase) -> dict[str, float]:
        return run_phase(phase, self._decoder, self.dev_score, progress=self._progress)

    def _take(self, weights: dict[str, NDArray[Any]]) -> None:
        assign_weights(self._decoder, weights)

    def _batches(self) -> Batches:
        return Batches(
            self._examples,
            self._inputs.stores,
            photos_per_batch=self._settings.photos_per_batch,
            captions_per_photo=self._settings.captions_per_photo,
            max_tokens=self._settings.max_tokens,
            vocab_size=self._tokenizer.vocab_size,
            seed=self._settings.seed,
            weights=self._weights,
        )


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Weights by name."""
    with np.load(path) as weights:
        return dict(weights)


def _arrays(decoder: Decoder) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(variable) for name, variable in named_weights(decoder).items()}
