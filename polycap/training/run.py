"""A training run: from a dataset and features to a pack, in a folder that can be taken up again at any point.

::

    config.json      what the run was started with: settings, seed, hashes of all inputs, versions
    tokenizer.model  SentencePiece, trained on the train split's captions
    checkpoint.npz   the state after the last finished epoch
    best.npz         the averaged weights of the best epoch
    log.csv          a row per epoch; tensorboard/ holds the same
    self-critical/   the same three files of the self-critical epochs, which begin with best.npz
    between.npz      weights between best.npz and theirs
    pack/            the result
"""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from polycap.decoder.base import Decoder
from polycap.decoder.kinds import build_decoder
from polycap.decoder.settings import DecoderSettings, DecoderSizes
from polycap.errors import TrainingError
from polycap.files import make_folder, read_json, sha256_file, write_json
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
from polycap.training.settings import TrainingSettings
from polycap.training.tokenizer import train_tokenizer

__all__ = ["claim_folder", "decoder_settings", "make_config", "make_tokenizer", "train_decoder", "write_pack"]


def train_decoder(
    inputs: TrainingInputs, folder: Path, settings: TrainingSettings | None = None, *, progress: bool = True
) -> Path:
    """Train a decoder, or go on where a run in `folder` stopped, and write its pack.

    The weights are judged after each epoch by BLEU-4 of captions searched for freely on the dev split; the best are
    kept. After self-critical epochs so are those between them and the best of teacher forcing, see
    `polycap.training.learner`.

    Returns:
        The pack's folder.

    Raises:
        TrainingError: a split is empty, `folder` holds a run of other inputs or settings, or the loss is no number.
        FeatureStoreError: a photo has no features, or the stores don't belong together.
    """
    settings = settings or TrainingSettings()
    inputs.check()
    if not settings.epochs and (inputs.start is None or not settings.self_critical_epochs):
        raise TrainingError("epochs=0: give a pack to begin with, and self_critical_epochs")
    make_folder(folder)
    keras.utils.set_random_seed(settings.seed)
    machine = describe_machine(bfloat16=allow_bfloat16())
    tokenizer = make_tokenizer(inputs, folder)
    config = make_config(inputs, settings, tokenizer)
    claim_folder(folder, config)
    decoder = build_decoder(decoder_settings(inputs, settings, tokenizer))
    learner = Learner(inputs, settings, decoder, tokenizer, folder, progress=progress)
    if inputs.start is None or not transfer_weights(decoder, inputs.start, tokenizer.identity):
        if not settings.epochs:
            raise TrainingError(f"epochs=0: {inputs.start} is of other tokens, which must be learned first")
        learner.expect_frequencies()
    if inputs.photo_layers is not None:
        fix_photo_layers(decoder, inputs.photo_layers)
    learned = learner.learn()
    return write_pack(inputs, folder, config, decoder, learned, machine)


def write_pack(
    inputs: TrainingInputs,
    folder: Path,
    config: dict[str, Any],
    decoder: Decoder,
    trained: TrainedWeights,
    machine: dict[str, Any],
) -> Path:
    """Write a finished run's pack and return its folder.

    Args:
        inputs: what the run learned from.
        folder: the run's.
        config: the run's, as `make_config` returns it.
        decoder: its settings are written, and its weights are not.
        trained: weights of the pack, and facts for its card.
        machine: description of the machine, for the card.
    """
    cost = {**time_spent([folder / LOG, folder / SELF_CRITICAL / LOG]), **machine}
    card = make_card(inputs, config, decoder, trained.facts | cost)
    weights, tokenizer = read_arrays(trained.weights), Tokenizer.load(folder / TOKENIZER)
    save_pack(folder / "pack", card, weights, tokenizer, inputs.pca)
    return folder / "pack"


def make_tokenizer(inputs: TrainingInputs, folder: Path) -> Tokenizer:
    """Return the run's tokenizer: the one given, the one in its folder, or a new one; it is put into the folder."""
    path = folder / TOKENIZER
    given = inputs.tokenizer
    if given is not None:
        (Tokenizer.load(given) if isinstance(given, Path) else given).save(path)
    elif not path.is_file() or not (folder / "config.json").is_file():  # without a config it may be of other captions
        train_tokenizer(inputs.language, inputs.dataset).save(path)
    return Tokenizer.load(path)


def make_config(
    inputs: TrainingInputs, settings: TrainingSettings, tokenizer: Tokenizer, side_by_side: Sequence[str] = ()
) -> dict[str, Any]:
    """Return all that decides a run: settings, hashes of the inputs and versions, JSON-serialisable.

    Args:
        inputs: language, dataset, features and packs.
        settings: recipe.
        tokenizer: the run's.
        side_by_side: codes of all languages that are trained in turns, in that order. (default: this one alone)

    Raises:
        PackError: a pack that the run begins with is missing or broken.
        TrainingError: such a pack learned from other features.
    """
    packages = ("polycap", "keras", "numpy", "sentencepiece", "sacrebleu", keras.backend.backend())
    pca = inputs.pca.identity if inputs.pca else None
    packs = {"start": inputs.start, "photo layers": inputs.photo_layers}
    hooks = inputs.language.folder / "hooks.py"
    return {
        "language": inputs.language.code,
        "settings": settings.model_dump(),
        "dataset": inputs.dataset.fingerprint(),
        "encoder": inputs.stores[0].encoder,
        "pca": pca,
        "views": ["mirrored" if store.mirrored else "plain" for store in inputs.stores],
        "tokenizer": tokenizer.identity,
        "tokenizer settings": None if inputs.tokenizer else inputs.language.tokenizer.model_dump(mode="json"),
        "text": inputs.language.text.model_dump(),
        "hooks": sha256_file(hooks) if hooks.is_file() else None,
        "words": inputs.language.evaluation.sacrebleu_tokenizer,
        "decoding": inputs.language.decoding.model_dump(),
        **{key: pack and initial_pack_hash(pack, inputs.stores[0].encoder, pca) for key, pack in packs.items()},
        "side by side": list(side_by_side) or None,
        "versions": {name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def claim_folder(folder: Path, config: dict[str, Any]) -> None:
    """Write the run's config, or check that the run there is this one.

    Raises:
        TrainingError: the folder holds a run of other inputs or settings.
    """
    path = folder / "config.json"
    if not path.is_file():
        write_json(path, config)
        return
    before = read_json(path, TrainingError)
    for key, value in config.items():
        if key == "versions" or key not in before:
            continue  # an update in between is no other run
        if before.get(key) != value:
            started, now = _differing(before.get(key), value)
            raise TrainingError(
                f"{path}:{key}: this run was started with {started}, not {now}; "
                "resume it as it was started, or choose another folder"
            )


def _differing(one: Any, other: Any) -> tuple[Any, Any]:
    """Both, but of tables only the entries that are not alike."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one, other
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return {key: one.get(key) for key in keys}, {key: other.get(key) for key in keys}


def decoder_settings(inputs: TrainingInputs, settings: TrainingSettings, tokenizer: Tokenizer) -> DecoderSettings:
    """Return the decoder's settings: the recipe's sizes, and those of the features and the tokenizer."""
    cells, channels = inputs.stores[0].shape
    return DecoderSettings(
        **settings.model_dump(include=set(DecoderSizes.model_fields)),
        vocab_size=tokenizer.vocab_size,
        cells=cells,
        channels=channels,
    )
