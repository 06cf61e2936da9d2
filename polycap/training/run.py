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

from importlib import metadata
from pathlib import Path
from typing import Any

from polycap.decoder.kinds import build_decoder
from polycap.decoder.settings import DecoderSettings, DecoderSizes
from polycap.errors import TrainingError
from polycap.files import make_folder, sha256_file
from polycap.machine.backend import allow_bfloat16, keras
from polycap.machine.describe import describe_machine
from polycap.pack.card import TOKENIZER
from polycap.pack.pack import save_pack
from polycap.text.tokenizer import Tokenizer
from polycap.training.card import make_card
from polycap.training.initialize import initial_pack_hash, transfer_weights
from polycap.training.inputs import TrainingInputs
from polycap.training.learner import SELF_CRITICAL, Learner, read_arrays
from polycap.training.log import LOG, time_spent
from polycap.training.run_folder import claim_folder
from polycap.training.settings import TrainingSettings
from polycap.training.tokenizer import train_tokenizer

__all__ = ["train_decoder"]


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
    tokenizer = _tokenizer(inputs, folder)
    config = _config(inputs, settings, tokenizer)
    claim_folder(folder, config)
    decoder = build_decoder(_decoder_settings(inputs, settings, tokenizer))
    learner = Learner(inputs, settings, decoder, tokenizer, folder, progress=progress)
    if inputs.start is None or not transfer_weights(decoder, inputs.start, tokenizer.identity):
        if not settings.epochs:
            raise TrainingError(f"epochs=0: {inputs.start} is of other tokens, which must be learned first")
        learner.expect_frequencies()
    learned = learner.learn()
    cost = {**time_spent([folder / LOG, folder / SELF_CRITICAL / LOG]), **machine}
    card = make_card(inputs, config, decoder, learned.facts | cost)
    save_pack(folder / "pack", card, read_arrays(learned.weights), tokenizer, inputs.pca)
    return folder / "pack"


def _tokenizer(inputs: TrainingInputs, folder: Path) -> Tokenizer:
    path = folder / TOKENIZER
    given = inputs.tokenizer
    if given is not None:
        (Tokenizer.load(given) if isinstance(given, Path) else given).save(path)
    elif not path.is_file() or not (folder / "config.json").is_file():  # without a config it may be of other captions
        train_tokenizer(inputs.language, inputs.dataset).save(path)
    return Tokenizer.load(path)


def _config(inputs: TrainingInputs, settings: TrainingSettings, tokenizer: Tokenizer) -> dict[str, Any]:
    packages = ("polycap", "keras", "numpy", "sentencepiece", "sacrebleu", keras.backend.backend())
    pca = inputs.pca.identity if inputs.pca else None
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
        "start": inputs.start and initial_pack_hash(inputs.start, inputs.stores[0].encoder, pca),
        "versions": {name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _decoder_settings(inputs: TrainingInputs, settings: TrainingSettings, tokenizer: Tokenizer) -> DecoderSettings:
    cells, channels = inputs.stores[0].shape
    return DecoderSettings(
        **settings.model_dump(include=set(DecoderSizes.model_fields)),
        vocab_size=tokenizer.vocab_size,
        cells=cells,
        channels=channels,
    )
