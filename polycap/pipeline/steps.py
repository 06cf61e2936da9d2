"""Features, translation and training, each by itself. Public functions, also called by commands and build stages."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polycap.dataset import Dataset
from polycap.encoder.artefact import EncoderArtefact, open_encoder
from polycap.files import digest
from polycap.files.hashes import HashCache
from polycap.files.locks import lock_folder
from polycap.language import Language
from polycap.language.doubts import doubt_captions
from polycap.training.settings import TrainingSettings, parse_settings
from polycap.translation.choose import EngineChoice, choose_engine
from polycap.translation.engine import Translator
from polycap.translation.page import write_report
from polycap.translation.sample import TranslatedPair, aligned_lines, sample_of
from polycap.translation.translate import TranslationReport, translate_captions

if TYPE_CHECKING:
    from polycap.encoder.protocol import PhotoEncoder
    from polycap.features.prepare import Features

__all__ = [
    "EngineOptions",
    "FeatureOptions",
    "TranslatedCaptions",
    "encode_dataset",
    "make_features",
    "parse_settings",
    "prepare_engine",
    "train_language",
    "translate_language",
    "translation_journal",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FeatureOptions:
    """Options of `make_features`.

    Attributes:
        mirrored: also encode a horizontally flipped view of each photo. (default: True)
        encoder: folder of the encoder's artefact. (default: `POLYCAP_ENCODER`, else the shipped one)
        runtime: openvino, keras or auto. (default: `POLYCAP_RUNTIME`, else auto)
        precision: f32, bf16, int8 or auto, of the encoder. (default: `POLYCAP_PRECISION`, else auto)
    """

    mirrored: bool = True
    encoder: str | PathLike[str] | None = None
    runtime: str | None = None
    precision: str | None = None

    def artefact(self) -> EncoderArtefact:
        """Open the artefact.

        Raises:
            EncoderError: there is none, or it is broken or unfinished.
        """
        return open_encoder(Path(self.encoder) if self.encoder else None)

    def load_encoder(self) -> "Callable[[], PhotoEncoder]":
        """Open artefact and runtime, and return a function that loads the encoder.

        Raises:
            EncoderError: as for `artefact`.
            CaptionRuntimeError: no such runtime or precision, or the runtime is not installed.
        """
        from polycap.runtime.choose import open_runtime

        runtime, artefact = open_runtime(self.runtime, precision=self.precision), self.artefact()
        return lambda: runtime.encoder(artefact)


def make_features(
    dataset: Dataset,
    folder: str | PathLike[str],
    options: FeatureOptions | None = None,
    *,
    progress: bool | None = None,
) -> "Features":
    """Encode a dataset's photos, once for all languages. Waits for another process that does it, and resumes.

    Args:
        dataset: its photos of all splits are encoded.
        folder: folder of the features.
        options: see `FeatureOptions`. (default: its defaults)
        progress: draw bars on stderr. (default: if it is a terminal)

    Returns:
        The views of the photos, `(cells, channels) float16` a photo, and the encoder by whose PCA they are reduced.

    Raises:
        FeatureStoreError: `folder` has features of other photos, or of another encoder or precision.
        EncoderError: there is no encoder, or it is broken.
        CaptionRuntimeError: no such runtime or precision, or the runtime is not installed.
    """
    options = options or FeatureOptions()
    load, artefact = options.load_encoder(), options.artefact()
    return encode_dataset(dataset, Path(folder), artefact, load, mirrored=options.mirrored, progress=progress)


def encode_dataset(
    dataset: Dataset,
    folder: Path,
    artefact: EncoderArtefact,
    encoder: "Callable[[], PhotoEncoder]",
    *,
    mirrored: bool = True,
    clear: bool = False,
    hashes: HashCache | None = None,
    progress: bool | None = None,
) -> "Features":
    """Encode a dataset's photos as `make_features` does, with a given encoder.

    Args:
        dataset, folder, progress: as for `make_features`.
        artefact: the encoder's artefact.
        encoder: function that loads the encoder, called after all other checks.
        mirrored: also encode a horizontally flipped view of each photo. (default: True)
        clear: remove what can't be resumed instead of raising, for folders that nothing else writes to.
            (default: False)
        hashes: hashes of the photos. (default: those kept in `folder`)
    """
    from polycap.features.prepare import clear_broken, prepare_features

    with lock_folder(folder, "these features", wait=True):
        if clear:
            clear_broken(folder)
        return prepare_features(
            [(photo.name, photo.path) for photo in dataset.photos],
            encoder(),
            artefact,
            folder,
            mirrored=mirrored,
            hashes=hashes,
            progress=progress,
        )


@dataclass(frozen=True)
class EngineOptions:
    """Translation engine, and the installation of its package.

    Attributes:
        engine: name of the engine. (default: that of the language's folder)
        source: the engine's code of the language to translate from. (default: that of the language's folder, else of
            the source language)
        target: the engine's code of the language to translate into. (default: that of the language's folder, else the
            language's own)
        package: file of a package to install first. (default: none)
        install: download and install the package first. (default: False)
    """

    engine: str | None = None
    source: str | None = None
    target: str | None = None
    package: str | PathLike[str] | None = None
    install: bool = False


def prepare_engine(language: Language, options: EngineOptions) -> EngineChoice:
    """Choose the engine that translates into a language, and install its package if `options` says so.

    Raises:
        TranslationError: there is no engine, or it or its package can't be had.
    """
    choice = choose_engine(language, options.engine, options.source, options.target)
    choice.require()
    if options.package:
        choice.install_file(Path(options.package))
    if options.install:
        choice.install_pair()
    return choice


def translation_journal(folder: Path, dataset: Dataset, identity: str) -> Path:
    """Return the folder of a translation's journal in a language's work folder.

    Each engine and each set of source captions has its own; builds and `polycap translate --work` share them.
    """
    return folder / f"translation-{digest([dataset.fingerprint(), identity])}"


@dataclass(frozen=True)
class TranslatedCaptions:
    """Result of `translate_language`.

    Attributes:
        report: counts of translated and dropped captions, and their files.
        sample: captions beside their translations. (default: None, if none were asked for)
    """

    report: TranslationReport
    sample: list[TranslatedPair] | None

    def to_json(self) -> dict[str, Any]:
        """Return the report, and the sample if there is one, as JSON-able values."""
        sample = {} if self.sample is None else {"sample": [pair.to_json() for pair in self.sample]}
        return {**self.report.to_json(), **sample}

    def lines(self) -> list[str]:
        """Return the sample and the report as lines of text."""
        return [*aligned_lines(self.sample or ()), *self.report.lines()]


def translate_language(
    language: Language,
    dataset: Dataset,
    out: str | PathLike[str],
    engine: EngineOptions | Translator | None = None,
    *,
    journal: Path | None = None,
    sample: int = 0,
    page: str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> TranslatedCaptions:
    """Translate a dataset's captions into a language, and drop unfit translations. Resumes a run that was stopped.

    Args:
        language: its script and its `[translation.gates]` decide which translations are kept.
        dataset: photos with captions in the engine's source language.
        out: file of the kept captions, JSON Lines.
        engine: a translator, or options of the engine. (default: the engine of the language's folder)
        journal: folder of all that the engine returned. (default: beside `out`)
        sample: number of captions to return beside their translations. (default: 0)
        page: HTML page to write, with a sample and the dropped translations. (default: none)
        progress: draw a bar on stderr. (default: if it is a terminal)

    Raises:
        TranslationError: there is no engine, its package is not installed, or it failed.
    """
    if engine is None or isinstance(engine, EngineOptions):
        engine = prepare_engine(language, engine or EngineOptions()).open()
    report = translate_captions(dataset, language, engine, Path(out), journal=journal, progress=progress)
    pairs = sample_of(report, sample) if sample else None
    if page:
        write_report(Path(page), language, report, pairs or sample_of(report))
    return TranslatedCaptions(report, pairs)


def train_language(
    language: Language,
    dataset: Dataset,
    features: "Features | str | PathLike[str]",
    folder: str | PathLike[str],
    settings: TrainingSettings | None = None,
    *,
    tokenizer: Path | None = None,
    start: str | PathLike[str] | None = None,
    encoder: str | PathLike[str] | None = None,
    terms: Sequence[str] = (),
    progress: bool | None = None,
) -> Path:
    """Train a language's decoder, and return its pack's folder. Resumes a run that was stopped.

    Args:
        language: decides normalisation, tokenizer and search.
        dataset: photos, splits and captions in the language.
        features: result of `make_features`, or its folder.
        folder: folder of the run.
        settings: the recipe. (default: `TrainingSettings()`, with the decoder of the language's folder)
        tokenizer: file of a trained tokenizer. (default: one is trained on the train split's captions)
        start: folder of the pack whose weights training begins with. (default: none)
        encoder: folder of the encoder's artefact, for features that are a folder. (default: `POLYCAP_ENCODER`, else the
            shipped one)
        terms: terms of the captions, for the pack's card. (default: none)
        progress: draw bars on stderr. (default: if it is a terminal)

    Raises:
        TrainingError: a split has no captions, or `folder` has a run of other inputs or settings.
        FeatureStoreError: there are no features, or not of these photos or this encoder.
        BuildError: another process trains in `folder`.
    """
    from polycap.features.prepare import open_features
    from polycap.training.inputs import TrainingInputs
    from polycap.training.run import train_decoder

    folder, initial_pack = Path(folder), Path(start) if start else None
    if isinstance(features, str | PathLike):
        features = open_features(Path(features), open_encoder(Path(encoder) if encoder else None))
    texts = (caption.text for photo in dataset.split("train") for caption in photo.captions)
    if doubt := doubt_captions(language, texts):
        logger.warning("%s: captions: %s", language.code, doubt)
    inputs = TrainingInputs(language, dataset, features.stores, features.encoder, tokenizer, initial_pack, tuple(terms))
    with lock_folder(folder, language.code):
        return train_decoder(inputs, folder, settings or parse_settings((), language), progress=progress)
