"""Training several languages side by side: decoders that share the layers that depend on the photo alone.

::

    checkpoint.npz      state of all languages after the last finished epoch
    log.csv             a row per epoch, the languages' means and each one's own
    CODE/               the language's run folder, as `polycap.training.run` has it, but for checkpoint and pack
    CODE/trained.json   the language's result: the file of its weights, and facts for the pack's card

The result is the encoder's photo layers. Packs can be written once the encoder has them, since they name the encoder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.base import Decoder
from polycap.decoder.kinds import build_decoder
from polycap.decoder.shapes import photo_shapes
from polycap.errors import TrainingError
from polycap.files import make_folder, read_json, write_json
from polycap.machine.backend import allow_bfloat16, keras
from polycap.machine.describe import describe_machine
from polycap.pack.card import TOKENIZER
from polycap.text.tokenizer import Tokenizer
from polycap.training.callbacks import BEST
from polycap.training.inputs import TrainingInputs
from polycap.training.learner import Learner, TrainedWeights, read_arrays
from polycap.training.run import decoder_settings, make_config, make_tokenizer, write_pack
from polycap.training.run_folder import start_or_check
from polycap.training.settings import TrainingSettings
from polycap.training.turns import Member, run_in_turns

__all__ = ["TRAINED", "check_recipes", "train_side_by_side", "write_packs"]

TRAINED = "trained.json"
"""File of a language's result in its run folder."""

SAME = ("kind", "units", "epochs", "ema_decay", "seed")
"""Settings that all languages have in common."""


def train_side_by_side(
    inputs: Sequence[TrainingInputs],
    folder: Path,
    settings: Mapping[str, TrainingSettings] | None = None,
    *,
    progress: bool | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Train decoders of several languages that share their photo layers; an unfinished run is resumed.

    In teacher forcing they learn in turns, a batch of each; all keep the weights of the epoch with the best mean of
    their dev BLEU-4. A language whose captions all have a lower weight moves the photo layers by as much less. These
    are then fixed, and self-critical epochs follow for each language.

    Args:
        inputs: inputs of each language, over the same features.
        folder: folder of the run.
        settings: recipe by language code. (default: that of `TrainingSettings`)
        progress: whether to draw progress bars on stderr. (default: if it is a terminal)

    Returns:
        The photo layers, by the names of `photo_shapes`.

    Raises:
        TrainingError: the languages' features or settings differ where they must be the same; or as for
            `train_decoder`.
        FeatureStoreError: a photo has no features.
    """
    recipes = _recipes(inputs, settings)
    _check(inputs, recipes)
    keras.utils.set_random_seed(next(iter(recipes.values())).seed)
    machine = describe_machine(bfloat16=allow_bfloat16())
    runs = _make_runs(inputs, recipes, folder, progress=progress)
    members = [
        Member(run.code, run.learner.forced_phase(), run.decoder, run.learner.dev_score, run.weight) for run in runs
    ]
    best = run_in_turns(members, folder, progress=progress)
    runs[0].decoder.photo_layers.trainable = False
    for run in runs:
        if not (run.folder / TRAINED).is_file():
            trained = run.learner.finish(best[run.code])
            place = trained.weights.relative_to(run.folder)
            write_json(run.folder / TRAINED, {"weights": str(place), "facts": trained.facts, "machine": machine})
    weights = read_arrays(runs[0].folder / BEST)
    return {name: weights[name] for name in photo_shapes(runs[0].decoder.settings)}


def write_packs(
    inputs: Sequence[TrainingInputs], folder: Path, out: Path, settings: Mapping[str, TrainingSettings] | None = None
) -> dict[str, Path]:
    """Write the packs of a finished run; returns their folders by language code.

    Args:
        inputs: inputs of the run, with the encoder that has its photo layers by now.
        folder: folder of the run.
        out: folder of the packs, each in a folder named by its language.
        settings: recipes of the run.
    """
    packs = {}
    for code, each in ((each.language.code, each) for each in inputs):
        place, recipe = folder / code, _recipes(inputs, settings)[code]
        tokenizer = Tokenizer.load(place / TOKENIZER)
        content = read_json(place / TRAINED, TrainingError)
        packs[code] = write_pack(
            each,
            place,
            read_json(place / "config.json", TrainingError),
            decoder_settings(each, recipe, tokenizer),
            TrainedWeights(place / content["weights"], content["facts"]),
            content["machine"],
            out / code,
        )
    return packs


def check_recipes(recipes: Mapping[str, TrainingSettings]) -> None:
    """Raise TrainingError where recipes can't be followed side by side, by language code."""
    if not recipes:
        raise TrainingError("no languages to train side by side; give one or more")
    first, *others = recipes
    for code in others:
        for name in SAME:
            ours, theirs = getattr(recipes[first], name), getattr(recipes[code], name)
            if ours != theirs:
                raise TrainingError(f"{name}: {first} has {ours}, {code} {theirs}; side by side all have the same")
    if recipes[first].kind != "attention" or not recipes[first].epochs:
        kind, epochs = recipes[first].kind, recipes[first].epochs
        raise TrainingError(f"kind={kind}, epochs={epochs}: side by side the kind is attention, with an epoch or more")


@dataclass(frozen=True)
class _Run:
    """One language's part of the run."""

    code: str
    inputs: TrainingInputs
    folder: Path
    config: dict[str, Any]
    decoder: Decoder
    learner: Learner

    @property
    def weight(self) -> float:
        """Largest weight of its captions."""
        photos = self.inputs.photos("train")
        return max((caption.weight for photo in photos for caption in photo.captions), default=1.0)


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


def _recipes(
    inputs: Sequence[TrainingInputs], settings: Mapping[str, TrainingSettings] | None
) -> dict[str, TrainingSettings]:
    return {each.language.code: (settings or {}).get(each.language.code, TrainingSettings()) for each in inputs}


def _check(inputs: Sequence[TrainingInputs], recipes: Mapping[str, TrainingSettings]) -> None:
    """Raise TrainingError or FeatureStoreError where languages can't be trained side by side."""
    codes = [each.language.code for each in inputs]
    if len(recipes) < len(codes):
        raise TrainingError(f"`inputs` are of {', '.join(codes)}: give each language once")
    check_recipes(recipes)
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
