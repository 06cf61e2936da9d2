"""Training several languages side by side: decoders that share the layers that depend on the photo alone.

::

    checkpoint.npz   state of all languages after the last finished epoch
    log.csv          a row per epoch, the languages' means and each one's own
    CODE/            the language's run folder, as `polycap.training.run` has it, but for the checkpoint

The result is a pack per language; the photo layers are the same numbers in each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polycap.decoder.base import Decoder
from polycap.decoder.kinds import build_decoder
from polycap.errors import TrainingError
from polycap.files import make_folder
from polycap.machine.backend import allow_bfloat16, keras
from polycap.machine.describe import describe_machine
from polycap.training.inputs import TrainingInputs
from polycap.training.learner import Learner
from polycap.training.run import decoder_settings, make_config, make_tokenizer, write_pack
from polycap.training.run_folder import start_or_check
from polycap.training.settings import TrainingSettings
from polycap.training.turns import Member, run_in_turns

__all__ = ["train_side_by_side"]

SAME = ("kind", "units", "epochs", "ema_decay", "seed")
"""Settings that all languages have in common."""


def train_side_by_side(
    inputs: Sequence[TrainingInputs],
    folder: Path,
    settings: Mapping[str, TrainingSettings] | None = None,
    *,
    progress: bool | None = None,
) -> dict[str, Path]:
    """Train decoders of several languages that share their photo layers, and write a pack of each.

    An unfinished run is resumed.

    In teacher forcing they learn in turns, a batch of each; all keep the weights of the epoch with the best mean of
    their dev BLEU-4. The photo layers are then fixed, and self-critical epochs follow for each language.

    Args:
        inputs: inputs of each language, over the same features.
        folder: folder of the run.
        settings: recipe by language code. (default: that of `TrainingSettings`)
        progress: whether to draw progress bars on stderr. (default: if it is a terminal)

    Returns:
        Each pack's folder, by language code.

    Raises:
        TrainingError: the languages' features or settings differ where they must be the same; or as for
            `train_decoder`.
        FeatureStoreError: a photo has no features.
    """
    recipes = {each.language.code: (settings or {}).get(each.language.code, TrainingSettings()) for each in inputs}
    _check(inputs, recipes)
    keras.utils.set_random_seed(next(iter(recipes.values())).seed)
    machine = describe_machine(bfloat16=allow_bfloat16())
    runs = _make_runs(inputs, recipes, folder, progress=progress)
    members = [Member(run.code, run.learner.forced_phase(), run.decoder, run.learner.dev_score) for run in runs]
    best = run_in_turns(members, folder, progress=progress)
    runs[0].decoder.photo_layers.trainable = False
    packs = {}
    for run in runs:
        learned = run.learner.finish(best[run.code])
        packs[run.code] = write_pack(run.inputs, run.folder, run.config, run.decoder, learned, machine)
    return packs


@dataclass(frozen=True)
class _Run:
    """One language's part of the run."""

    code: str
    inputs: TrainingInputs
    folder: Path
    config: dict[str, Any]
    decoder: Decoder
    learner: Learner


def _make_runs(
    inputs: Sequence[TrainingInputs], recipes: Mapping[str, TrainingSettings], folder: Path, *, progress: bool | None
) -> list[_Run]:
    """Start or check the run of each language and build its decoder, over the photo layers of the first."""
    runs: list[_Run] = []
    for each in inputs:
        code = each.language.code
        settings, place = recipes[code], make_folder(folder / code)
        tokenizer = make_tokenizer(each, place)
        config = make_config(each, settings, tokenizer, list(recipes))
        start_or_check(place, config)
        shared = runs[0].decoder.photo_layers if runs else None
        decoder = build_decoder(decoder_settings(each, settings, tokenizer), shared)
        learner = Learner(each, settings, decoder, tokenizer, place, progress=progress)
        learner.set_token_frequencies()
        runs.append(_Run(code, each, place, config, decoder, learner))
    return runs


def _check(inputs: Sequence[TrainingInputs], recipes: Mapping[str, TrainingSettings]) -> None:
    """Raise TrainingError or FeatureStoreError where languages can't be trained side by side."""
    codes = [each.language.code for each in inputs]
    if len(recipes) < 2 or len(recipes) < len(codes):
        raise TrainingError(
            f"`inputs` are of {', '.join(codes) or 'no language'}: give two languages or more, each once"
        )
    for each in inputs:
        each.check()
        if each.initial_pack is not None:
            raise TrainingError(
                f"{each.language.code}: begins with a pack; side by side all languages begin with nothing: leave out "
                "`initial_pack`, or train it alone"
            )
    features = {(each.stores[0].encoder, each.stores[0].pca, each.stores[0].shape) for each in inputs}
    if len(features) > 1:
        raise TrainingError(f"{', '.join(codes)}: their features are of different encoders or PCAs; give all the same")
    first, *others = recipes
    for code in others:
        for name in SAME:
            ours, theirs = getattr(recipes[first], name), getattr(recipes[code], name)
            if ours != theirs:
                raise TrainingError(f"{name}: {first} has {ours}, {code} {theirs}; side by side all have the same")
    if recipes[first].kind != "attention" or not recipes[first].epochs:
        kind, epochs = recipes[first].kind, recipes[first].epochs
        raise TrainingError(f"kind={kind}, epochs={epochs}: side by side the kind is attention, with an epoch or more")
