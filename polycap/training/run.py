"""A training run: from a dataset and features to a pack, in a folder that can be taken up again at any point.

::

    config.json      what the run was started with: settings, seed, hashes of all inputs, versions
    tokenizer.model  SentencePiece, trained on the train split's captions
    checkpoint.npz   the state after the last finished epoch
    best.npz         the averaged weights of the best epoch
    log.csv          a row per epoch; tensorboard/ holds the same
    self-critical/   the same three files of the self-critical epochs, which begin with best.npz
    pack/            the result
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from polycap.backend import allow_bfloat16, keras
from polycap.dataset import Dataset, Photo, chief_origin, count_origins
from polycap.decoder.base import Decoder
from polycap.decoder.model import build_decoder
from polycap.decoder.pack import Card, assign_weights, save_pack
from polycap.decoder.sample import Sampler
from polycap.decoder.search import Search
from polycap.decoder.settings import DecoderSettings
from polycap.errors import TrainingError
from polycap.features.pca import FeaturePCA
from polycap.features.store import FeatureStore
from polycap.files import make_folder, read_json, write_json
from polycap.language import Language
from polycap.metrics import bleu
from polycap.tokenizer import Tokenizer
from polycap.training.data import Batches, Example, train_tokenizer
from polycap.training.loss import TokenLoss
from polycap.training.machine import describe_machine, time_spent
from polycap.training.optimizers import self_critical_optimizer, teacher_forcing_optimizer
from polycap.training.phase import BEST, Phase, run_phase
from polycap.training.rewards import rewards_by_name
from polycap.training.self_critical import DrawnBatches, PolicyLoss
from polycap.training.settings import TrainingSettings
from polycap.training.start import expect_frequencies, start_from, start_identity

__all__ = ["TrainingInputs", "train_decoder"]

SELF_CRITICAL = "self-critical"
LOG = "log.csv"
"""The folder of the second phase."""

ENCODER_TERMS = (
    "The encoder's weights are Keras' ImageNet Xception; ImageNet is for non-commercial research and education."
)
FLICKR8K_TERMS = (
    "Flickr8k is for non-commercial research and education; cite Hodosh, Young and Hockenmaier (2013), "
    "JAIR 47:853–899. What is trained on it carries these terms."
)
OTHER_TERMS = "The photos and captions that it was trained on may carry terms of their own: ask whoever made the pack."


@dataclass(frozen=True)
class TrainingInputs:
    """What a run learns from.

    Attributes:
        language: decides normalisation, tokenizer and search.
        dataset: photos, splits and captions in the language.
        stores: views of the photos, the plain one first; all of one encoder and PCA.
        pca: the map that reduced the stores, or None.
        tokenizer: one that is trained already; without it, one is trained on the train split's captions.
        start: the pack of another language whose decoder this one begins with, but for what belongs to tokens.
        terms: of the captions, for the pack's card, beside those of photos and encoder.
    """

    language: Language
    dataset: Dataset
    stores: Sequence[FeatureStore]
    pca: FeaturePCA | None
    tokenizer: Tokenizer | None = None
    start: Path | None = None
    terms: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise TrainingError or FeatureStoreError where the parts don't belong together."""
        first = self.stores[0]
        for store in self.stores:
            store.require(first.encoder, self.pca.identity if self.pca else None)
        for split in ("train", "dev"):
            if not self.photos(split):
                raise TrainingError(f"{self.dataset.folder}: no photo with captions in the {split} split")

    def photos(self, split: str) -> list[Photo]:
        """The photos of a split, without those that could not be read when the features were made."""
        unread = {name for store in self.stores for name in store.faults}
        return [photo for photo in self.dataset.split(split) if photo.name not in unread]

    def judges(self) -> list[Photo]:
        """The dev photos with the captions that epochs are judged by: of one origin, people's own where there are any.

        Scores against a mixture could not be compared with any other.
        """
        dev = self.photos("dev")
        known = {photo.name for photo in dev}
        chosen = self.dataset.of_origin(chief_origin(dev)).split("dev")
        return [photo for photo in chosen if photo.name in known]


def train_decoder(
    inputs: TrainingInputs, folder: Path, settings: TrainingSettings | None = None, *, progress: bool = True
) -> Path:
    """Train a decoder, or go on where a run in `folder` stopped, and write its pack.

    The weights are judged after each epoch by BLEU-4 of captions searched for freely on the dev split; the best are
    kept.

    Returns:
        The pack's folder.

    Raises:
        TrainingError: a split is empty, `folder` holds a run of other inputs or settings, or the loss is no number.
        FeatureStoreError: a photo has no features, or the stores don't belong together.
    """
    settings = settings or TrainingSettings()
    inputs.check()
    make_folder(folder)
    keras.utils.set_random_seed(settings.seed)
    machine = describe_machine(bfloat16=allow_bfloat16())
    tokenizer = _tokenizer(inputs, folder)
    config = _config(inputs, settings, tokenizer)
    _claim(folder, config)
    decoder = build_decoder(_decoder_settings(inputs, settings, tokenizer))
    if inputs.start is not None:
        start_from(decoder, inputs.start)
    best, weights_path = _learn(inputs, settings, decoder, tokenizer, folder, progress=progress)
    cost = {**time_spent([folder / LOG, folder / SELF_CRITICAL / LOG]), **machine}
    with np.load(weights_path) as weights:
        save_pack(folder / "pack", _card(inputs, config, decoder, best, cost), dict(weights), tokenizer, inputs.pca)
    return folder / "pack"


def _tokenizer(inputs: TrainingInputs, folder: Path) -> Tokenizer:
    path = folder / "tokenizer.model"
    if inputs.tokenizer is not None:
        inputs.tokenizer.save(path)
    elif not path.is_file() or not (folder / "config.json").is_file():  # without a config it may be of other captions
        train_tokenizer(inputs.language, inputs.dataset).save(path)
    return Tokenizer.load(path)


def _config(inputs: TrainingInputs, settings: TrainingSettings, tokenizer: Tokenizer) -> dict[str, Any]:
    packages = ("polycap", "keras", "numpy", "sentencepiece", "sacrebleu", keras.backend.backend())
    pca = inputs.pca.identity if inputs.pca else None
    return {
        "language": inputs.language.code,
        "settings": settings.model_dump(),
        "dataset": inputs.dataset.fingerprint(),
        "encoder": inputs.stores[0].encoder,
        "pca": pca,
        "views": ["mirrored" if store.mirrored else "plain" for store in inputs.stores],
        "tokenizer": tokenizer.identity,
        "text": inputs.language.text.model_dump(),
        "decoding": inputs.language.decoding.model_dump(),
        "start": inputs.start and start_identity(inputs.start, inputs.stores[0].encoder, pca),
        "versions": {name: _version(name) for name in packages},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _claim(folder: Path, config: dict[str, Any]) -> None:
    """Write the run's config, or check that the run there is this one."""
    path = folder / "config.json"
    if not path.is_file():
        write_json(path, config)
        return
    before = read_json(path, TrainingError)
    for key, value in config.items():
        if key == "versions":
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


def _decoder_settings(inputs: TrainingInputs, settings: TrainingSettings, tokenizer: Tokenizer) -> DecoderSettings:
    cells, channels = inputs.stores[0].shape
    return DecoderSettings(
        kind=settings.kind,
        vocab_size=tokenizer.vocab_size,
        cells=cells,
        channels=channels,
        units=settings.units,
        embedding=settings.embedding,
        feature_dropout=settings.feature_dropout,
        embedding_dropout=settings.embedding_dropout,
        output_dropout=settings.output_dropout,
    )


def _learn(
    inputs: TrainingInputs,
    settings: TrainingSettings,
    decoder: Decoder,
    tokenizer: Tokenizer,
    folder: Path,
    *,
    progress: bool,
) -> tuple[dict[str, float], Path]:
    """Run the epochs that are left of both phases; returns the best epoch's log, and the file of its weights."""
    examples, caption_weights = _examples(inputs, tokenizer)
    expect_frequencies(decoder, (ids for _, captions in examples for ids in captions))
    batches = Batches(
        examples,
        inputs.stores,
        photos_per_batch=settings.photos_per_batch,
        captions_per_photo=settings.captions_per_photo,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        weights=caption_weights,
    )
    score = _dev_score(inputs, decoder, tokenizer)
    forced = run_phase(
        Phase(
            "epoch",
            folder,
            batches,
            settings.epochs,
            TokenLoss(settings.label_smoothing),
            teacher_forcing_optimizer(settings, len(batches)),
            settings.ema_decay,
        ),
        decoder,
        score,
        progress=progress,
    )
    if not settings.self_critical_epochs:
        return forced, folder / BEST
    with np.load(folder / BEST) as weights:
        assign_weights(decoder, weights)
    free = run_phase(
        Phase(
            "self-critical epoch",
            folder / SELF_CRITICAL,
            _drawn_batches(inputs, settings, decoder, tokenizer, batches, [name for name, _ in examples]),
            settings.self_critical_epochs,
            PolicyLoss(),
            self_critical_optimizer(settings, len(batches)),
            settings.self_critical_ema_decay,
        ),
        decoder,
        score,
        progress=progress,
    )
    free["epoch"] += settings.epochs
    return max((free, folder / SELF_CRITICAL / BEST), (forced, folder / BEST), key=lambda pair: pair[0]["dev_bleu4"])


def _drawn_batches(
    inputs: TrainingInputs,
    settings: TrainingSettings,
    decoder: Decoder,
    tokenizer: Tokenizer,
    batches: Batches,
    names: Sequence[str],
) -> DrawnBatches:
    references = _rewarding(inputs, names)
    counts = inputs.language.evaluation.sacrebleu_tokenizer
    return DrawnBatches(
        batches,
        references,
        tokenizer,
        Sampler(decoder),
        rewards_by_name(settings.self_critical_reward, counts, references),
        captions=settings.self_critical_samples,
        length=settings.max_tokens,
        seed=settings.seed,
    )


def _rewarding(inputs: TrainingInputs, names: Sequence[str]) -> list[list[str]]:
    """The captions of train photos that drawn ones are rewarded by: people's own where a photo has several.

    Against a single one, chance decides.
    """
    train = inputs.photos("train")
    photos = {photo.name: photo for photo in train}
    chief = inputs.dataset.of_origin(chief_origin(train)).split("train")
    photos |= {photo.name: photo for photo in chief if len(photo.captions) > 1}
    return [[text for text in _references(inputs.language, photos[name]) if text] for name in names]


def _examples(inputs: TrainingInputs, tokenizer: Tokenizer) -> tuple[list[Example], list[list[float]]]:
    """Train photos with their captions' token ids, and the captions' weights; captions without a token are left out."""
    examples, weights = [], []
    for photo in inputs.photos("train"):
        texts = [inputs.language.normalize(caption.text) for caption in photo.captions]
        encoded = tokenizer.encode_batch(texts)
        captions = [(ids, caption.weight) for ids, caption in zip(encoded, photo.captions, strict=True) if ids]
        if captions:
            examples.append((photo.name, [ids for ids, _ in captions]))
            weights.append([weight for _, weight in captions])
    return examples, weights


def _dev_score(inputs: TrainingInputs, decoder: Decoder, tokenizer: Tokenizer) -> Callable[[], float]:
    """A function that captions the dev split and returns its BLEU-4, 0–100."""
    photos = [photo for photo in inputs.judges() if any(_references(inputs.language, photo))]
    references = [_references(inputs.language, photo) for photo in photos]
    store, search = inputs.stores[0], Search(decoder, inputs.language.decoding)
    rows = store.rows(photo.name for photo in photos)

    def score() -> float:
        captions: list[str] = []
        for start in range(0, len(rows), 50):
            found = search.find(store.features[rows[start : start + 50]])
            captions += [tokenizer.decode(ids) for ids in found.token_ids[:, 0]]
        return bleu(captions, references, tokenizer=inputs.language.evaluation.sacrebleu_tokenizer)

    return score


def _references(language: Language, photo: Photo) -> list[str]:
    return [language.normalize(caption.text) for caption in photo.captions]


def _origins(photos: Sequence[Photo]) -> str:
    """How many captions of each origin there are, and their weight where it is not 1."""
    weights: dict[str, set[float]] = {}
    for photo in photos:
        for caption in photo.captions:
            weights.setdefault(caption.origin, set()).add(caption.weight)
    parts = []
    for origin, count in count_origins(photos).items():
        shown = "/".join(f"{weight:g}" for weight in sorted(weights[origin]))
        parts.append(f"{count} {origin}" + (f" (weight {shown})" if weights[origin] != {1.0} else ""))
    return ", ".join(parts)


def _card(
    inputs: TrainingInputs, config: dict[str, Any], decoder: Decoder, best: dict[str, float], cost: dict[str, Any]
) -> Card:
    dataset = inputs.dataset
    train = inputs.photos("train")
    return Card(
        language=inputs.language.code,
        decoder=decoder.settings,
        encoder=config["encoder"],
        pca=config["pca"],
        tokenizer=config["tokenizer"],
        data={
            "name": dataset.name,
            "splits": dataset.split_source,
            "caption origin": dataset.caption_origin,
            "train photos": len(train),
            "train captions": sum(len(photo.captions) for photo in train),
            "train captions by origin": _origins(train),
            "fingerprint": config["dataset"],
            "views": ", ".join(config["views"]),
        },
        terms=[FLICKR8K_TERMS if "Flickr_8k" in dataset.split_source else OTHER_TERMS, *inputs.terms, ENCODER_TERMS],
        training={
            **config["settings"],
            "begins with": config["start"] or "nothing",
            "chosen by": f"dev BLEU-4 of free-running captions, references: {chief_origin(inputs.photos('dev'))}",
            "best epoch": int(best["epoch"]),
            "best epoch's dev BLEU-4": round(best["dev_bleu4"], 2),
            **cost,
        },
        created=datetime.now(UTC).date().isoformat(),
        versions=config["versions"],
    )
