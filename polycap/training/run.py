"""Training run: from a dataset and features to a pack, in a folder from which it can be resumed.

::

    config.json       settings, seed, hashes of all inputs, versions
    tokenizer.model   SentencePiece model, trained on the captions of the train split
    checkpoint.npz    state after the last finished epoch
    best.npz          averaged weights of the best epoch
    log.csv           one row per epoch; tensorboard/ has the same
    self-critical/    the same three files of the self-critical epochs, which begin with best.npz
    interpolated.npz  weights interpolated between best.npz and self-critical/best.npz
    pack/             the result
"""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from polycap.decoder.kinds import build_decoder
from polycap.decoder.settings import DecoderSettings, DecoderSizes
from polycap.decoder.shapes import photo_shapes
from polycap.errors import TrainingError
from polycap.files import make_folder, sha256_file
from polycap.machine.backend import allow_bfloat16, keras
from polycap.machine.describe import describe_machine
from polycap.pack.card import TOKENIZER
from polycap.pack.pack import save_pack
from polycap.text.tokenizer import Tokenizer
from polycap.training.card import make_card
from polycap.training.initialize import fix_photo_layers, initial_pack_hash, transfer_weights
from polycap.training.inputs import TrainingInputs
from polycap.training.learner import SELF_CRITICAL, Learner, TrainedWeights, read_arrays
from polycap.training.log import LOG, time_spent
from polycap.training.run_folder import start_or_check
from polycap.training.settings import TrainingSettings
from polycap.training.tokenizer import train_tokenizer

__all__ = ["decoder_settings", "make_config", "make_tokenizer", "train_decoder", "write_pack"]


def train_decoder(
    inputs: TrainingInputs, folder: Path, settings: TrainingSettings | None = None, *, progress: bool | None = None
) -> Path:
    """Train a decoder, or resume the run in a folder, and write its pack.

    After each epoch the averaged weights are evaluated by BLEU-4 of free-running captions of the dev split; the best
    are saved. After the self-critical epochs, the best of these, of theirs and of weights between them are kept, see
    `polycap.training.learner`.

    Args:
        inputs: language, dataset, features and initial weights.
        folder: folder of the run; created if missing.
        settings: settings of the run. (default: `TrainingSettings()`)
        progress: whether to draw progress bars on stderr. (default: if it is a terminal)

    Returns:
        The folder of the pack.

    Raises:
        TrainingError: a split is empty, the folder has a run of other inputs or settings, the decoder does not fit the
            photo layers, or the loss is not finite.
        FeatureStoreError: a photo has no features, or a store is of another encoder.
    """
    settings = settings or TrainingSettings()
    inputs.check()
    if not settings.epochs and (inputs.initial_pack is None or not settings.self_critical_epochs):
        raise TrainingError("epochs=0 needs an initial pack and self_critical_epochs above 0")
    make_folder(folder)
    keras.utils.set_random_seed(settings.seed)
    machine = describe_machine(bfloat16=allow_bfloat16())
    tokenizer = make_tokenizer(inputs, folder)
    config = make_config(inputs, settings, tokenizer)
    start_or_check(folder, config)
    decoder = build_decoder(decoder_settings(inputs, settings, tokenizer))
    learner = Learner(inputs, settings, decoder, tokenizer, folder, progress=progress)
    if inputs.initial_pack is None or not transfer_weights(
        decoder, inputs.initial_pack, tokenizer.identity, inputs.encoder
    ):
        if not settings.epochs:
            raise TrainingError(f"epochs=0: {inputs.initial_pack} has another tokenizer; train with epochs above 0")
        learner.set_token_frequencies()
    if photo_shapes(decoder.settings):
        fix_photo_layers(decoder, inputs.encoder)
    return write_pack(inputs, folder, config, decoder.settings, learner.train(), machine, folder / "pack")


def write_pack(
    inputs: TrainingInputs,
    folder: Path,
    config: dict[str, Any],
    settings: DecoderSettings,
    trained: TrainedWeights,
    machine: dict[str, Any],
    out: Path,
) -> Path:
    """Write the pack of a finished run to `out` and return its folder.

    Args:
        inputs: inputs of the run.
        folder: folder of the run.
        config: contents of the run's `config.json`, see `make_config`.
        settings: settings of the decoder.
        trained: weights of the pack, and facts for its card.
        machine: description of the machine, for the card.
        out: folder of the pack.
    """
    cost = {**time_spent([folder / LOG, folder / SELF_CRITICAL / LOG]), **machine}
    card = make_card(inputs, config, settings, trained.facts | cost)
    weights, tokenizer = read_arrays(trained.weights), Tokenizer.load(folder / TOKENIZER)
    save_pack(out, card, weights, tokenizer)
    return out


def make_tokenizer(inputs: TrainingInputs, folder: Path) -> Tokenizer:
    """Return the tokenizer of the run: that of the inputs, that of the folder, or a newly trained one; save it."""
    path = folder / TOKENIZER
    tokenizer = inputs.tokenizer
    if tokenizer is not None:
        (Tokenizer.load(tokenizer) if isinstance(tokenizer, Path) else tokenizer).save(path)
    elif not path.is_file() or not (folder / "config.json").is_file():  # without config.json, captions may be others
        train_tokenizer(inputs.language, inputs.dataset).save(path)
    return Tokenizer.load(path)


def make_config(
    inputs: TrainingInputs, settings: TrainingSettings, tokenizer: Tokenizer, side_by_side: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the contents of `config.json`: settings, hashes of the inputs, and versions.

    Args:
        inputs: inputs of the run.
        settings: recipe.
        tokenizer: tokenizer of the run.
        side_by_side: codes of all languages that are trained in turns, in that order. (default: this one alone)

    Raises:
        PackError: the pack that the run begins with is missing or broken.
        TrainingError: it is of another encoder.
    """
    packages = ("polycap", "keras", "numpy", "sentencepiece", "sacrebleu", keras.backend.backend())
    encoder, start = inputs.encoder, inputs.initial_pack
    hooks = inputs.language.folder / "hooks.py"
    return {
        "language": inputs.language.code,
        "settings": settings.model_dump(),
        "dataset": inputs.dataset.fingerprint(),
        "encoder": encoder.features,
        "pca": encoder.card.pca,
        "photo layers": encoder.card.photo_layers,
        "views": ["mirrored" if store.mirrored else "plain" for store in inputs.stores],
        "tokenizer": tokenizer.identity,
        "tokenizer settings": None if inputs.tokenizer else inputs.language.tokenizer.model_dump(mode="json"),
        "text": inputs.language.text.model_dump(),
        "hooks": sha256_file(hooks) if hooks.is_file() else None,
        "words": inputs.language.evaluation.sacrebleu_tokenizer,
        "decoding": inputs.language.decoding.model_dump(),
        "start": start and initial_pack_hash(start, encoder),
        "side by side": list(side_by_side) or None,
        "versions": {name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    """Return the version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def decoder_settings(inputs: TrainingInputs, settings: TrainingSettings, tokenizer: Tokenizer) -> DecoderSettings:
    """Return the settings of the decoder: the sizes of the recipe, and those of tokenizer and features."""
    cells, channels = inputs.stores[0].shape
    return DecoderSettings(
        **settings.model_dump(include=set(DecoderSizes.model_fields)),
        vocab_size=tokenizer.vocab_size,
        cells=cells,
        channels=channels,
    )
