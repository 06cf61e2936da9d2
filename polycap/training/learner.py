"""Training phases: teacher forcing, self-critical training, and interpolation of their best weights.

Self-critical training raises the scores of captions and reduces their diversity. Weights interpolated between those
before and after it keep most of the vocabulary, and often score higher than both; the best of the three are kept.

Reference: Wortsman et al. (2022), "Robust fine-tuning of zero-shot models", arXiv:2109.01903 (the interpolation).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.base import Decoder
from polycap.decoder.weights import assign_weights, named_weights
from polycap.metrics import words_of
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
from polycap.training.self_critical import PolicyLoss, SampledBatches
from polycap.training.settings import TrainingSettings

__all__ = ["SELF_CRITICAL", "Learner", "TrainedWeights", "read_arrays"]

SELF_CRITICAL = "self-critical"
"""Name of the folder of the self-critical phase."""

INTERPOLATED = "interpolated.npz"
"""Name of the file of the interpolated weights."""


@dataclass(frozen=True)
class TrainedWeights:
    """Result of a run.

    Attributes:
        weights: file of the weights, by name.
        facts: selection of the weights, for the pack's card.
    """

    weights: Path
    facts: dict[str, Any]


class Learner:
    """Phases of one run; each is resumed from its checkpoint.

    Attributes:
        dev_score: function that captions the dev split by the decoder and returns its BLEU-4, 0–100.
    """

    def __init__(
        self,
        inputs: TrainingInputs,
        settings: TrainingSettings,
        decoder: Decoder,
        tokenizer: Tokenizer,
        folder: Path,
        *,
        progress: bool | None,
    ) -> None:
        self._inputs, self._settings, self._decoder, self._tokenizer = inputs, settings, decoder, tokenizer
        self._folder, self._progress = folder, progress
        self._examples, self._weights = train_examples(inputs, tokenizer)
        self.dev_score = make_dev_score(inputs, decoder, tokenizer)

    def set_token_frequencies(self) -> None:
        """Initialise the output bias by the captions of the train split."""
        set_token_frequencies(self._decoder, (ids for _, captions in self._examples for ids in captions))

    def train(self) -> TrainedWeights:
        """Run the remaining epochs of all phases."""
        return self.finish(self._run(self.forced_phase()) if self._settings.epochs else self._keep_initial())

    def finish(self, forced: dict[str, float]) -> TrainedWeights:
        """Run the phases after teacher forcing, whose best epoch has the log `forced`."""
        facts: dict[str, Any] = {
            "best epoch": int(forced["epoch"]),
            "best epoch's dev BLEU-4": round(forced["dev_bleu4"], 2),
        }
        if not self._settings.self_critical_epochs:
            return TrainedWeights(self._folder / BEST, facts)
        self_critical = self._self_critical()
        share = self._settings.self_critical_share
        kept = {  # of equal scores the first, whose captions are more diverse
            0.0: (forced["dev_bleu4"], BEST),
            share: (self._interpolate(), INTERPOLATED),
            1.0: (self_critical["dev_bleu4"], f"{SELF_CRITICAL}/{BEST}"),
        }
        best = max(kept, key=lambda share: kept[share][0])
        score, path = kept[best]
        if best:
            facts |= {"best self-critical epoch": int(self_critical["epoch"]), "self-critical share": best}
            facts["dev BLEU-4"] = round(score, 2)
        return TrainedWeights(self._folder / path, facts)

    def forced_phase(self) -> Phase:
        """Return the phase of teacher forcing."""
        settings, batches = self._settings, self._batches()
        optimizer = teacher_forcing_optimizer(settings, len(batches))
        loss = TokenLoss(settings.label_smoothing, self._tokenizer.vocab_size)
        return Phase("epoch", self._folder, batches, settings.epochs, loss, optimizer, settings.ema_decay)

    def _keep_initial(self) -> dict[str, float]:
        """Save the initial weights as the best ones, in place of teacher forcing; return their log."""
        path = self._folder / BEST
        if not path.is_file():
            save_arrays(path, _arrays(self._decoder))
        self._load_weights(read_arrays(path))
        return {"epoch": 0, "dev_bleu4": self.dev_score()}

    def _self_critical(self) -> dict[str, float]:
        """Run self-critical training from the best weights of teacher forcing; return the log of the best epoch."""
        settings = self._settings
        self._load_weights(read_arrays(self._folder / BEST))
        batches = self._batches()
        references = reward_references(self._inputs, [name for name, _ in self._examples])
        word_tokenizer = self._inputs.language.evaluation.sacrebleu_tokenizer
        sampled = SampledBatches(
            batches,
            references,
            self._tokenizer,
            self._decoder,
            settings.self_critical_reward,
            words_of=words_of(word_tokenizer),
            captions=settings.self_critical_samples,
            length=settings.max_tokens,
            seed=settings.seed,
        )
        return self._run(
            Phase(
                "self-critical epoch",
                self._folder / SELF_CRITICAL,
                sampled,
                settings.self_critical_epochs,
                PolicyLoss(),
                self_critical_optimizer(settings, len(batches)),
                settings.self_critical_ema_decay,
            )
        )

    def _interpolate(self) -> float:
        """Interpolate the best weights of both phases; save and load the result, and return its dev BLEU-4."""
        share = np.float32(self._settings.self_critical_share)
        folders = (self._folder, self._folder / SELF_CRITICAL)
        forced, self_critical = (read_arrays(folder / BEST) for folder in folders)
        interpolated = {name: forced[name] + share * (self_critical[name] - forced[name]) for name in forced}
        save_arrays(self._folder / INTERPOLATED, interpolated)
        self._load_weights(interpolated)
        return self.dev_score()

    def _run(self, phase: Phase) -> dict[str, float]:
        """Run a phase; return the log of its best epoch."""
        return run_phase(phase, self._decoder, self.dev_score, progress=self._progress)

    def _load_weights(self, weights: dict[str, NDArray[Any]]) -> None:
        """Assign weights to the decoder."""
        assign_weights(self._decoder, weights)

    def _batches(self) -> Batches:
        """Return the batches of teacher forcing."""
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
    """Read an `.npz` file of weights, by name."""
    with np.load(path) as weights:
        return dict(weights)


def _arrays(decoder: Decoder) -> dict[str, NDArray[Any]]:
    """Return the weights of a decoder as arrays, by name."""
    return {name: np.asarray(variable) for name, variable in named_weights(decoder).items()}
