"""One step of a build by hand: features, translation, training. The stages of a build and the commands call these."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polycap.dataset import Dataset
from polycap.files.hashes import HashCache
from polycap.files.locks import lock_folder
from polycap.language import Language
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
    "TranslatedCaptions",
    "make_features",
    "parse_settings",
    "prepare_engine",
    "train_language",
    "train_languages",
    "translate_language",
]


def make_features(
    dataset: Dataset,
    encoder: "Callable[[], PhotoEncoder]",
    folder: Path,
    *,
    components: int = 512,
    pca: Path | None = None,
    mirrored: bool = True,
    keep_full: bool = False,
    clear: bool = False,
    hashes: HashCache | None = None,
    progress: bool = True,
) -> "Features":
    """Encode a dataset's photos, once for all languages; waits for another process that does it, and resumes.

    Args:
        dataset: its photos of all splits are encoded; the PCA sees the train split only.
        encoder: loads the encoder, when all else is known to fit.
        folder: where the features go.
        components: channels of the last cells after the PCA.
        pca: the pack whose PCA to use; None to fit one.
        mirrored: make the mirrored view too.
        keep_full: keep the unreduced features.
        clear: remove what can't be resumed, instead of an error; for folders that nobody else puts files in.
        hashes: the photos' hashes, if they are remembered already.
        progress: draw bars on stderr.

    Raises:
        FeatureStoreError, EncoderError, PolycapError: as for `prepare_features` and the encoder.
    """
    from polycap.encoder.pca import load_pca
    from polycap.features.prepare import clear_broken, prepare_features

    with lock_folder(folder, "these features", wait=True):
        if clear:
            clear_broken(folder)
        return prepare_features(
            [(photo.name, photo.path) for photo in dataset.photos],
            [photo.name for photo in dataset.split("train")],
            encoder(),
            folder,
            components=components,
            pca=load_pca(pca) if pca else None,
            mirrored=mirrored,
            keep_full=keep_full,
            hashes=hashes,
            progress=progress,
        )


@dataclass(frozen=True)
class TranslatedCaptions:
    """A dataset's captions in another language.

    Attributes:
        report: what was translated and what was dropped.
        sample: captions beside their translations; None unless asked for.
    """

    report: TranslationReport
    sample: list[TranslatedPair] | None

    def to_json(self) -> dict[str, Any]:
        """The report and the sample, if there is one, as JSON-able values."""
        sample = {} if self.sample is None else {"sample": [pair.to_json() for pair in self.sample]}
        return {**self.report.to_json(), **sample}

    def lines(self) -> list[str]:
        """The sample and the report for a person."""
        return [*aligned_lines(self.sample or ()), *self.report.lines()]


def prepare_engine(
    language: Language,
    engine: str | None = None,
    source: str | None = None,
    target: str | None = None,
    *,
    package: Path | None = None,
    install: bool = False,
) -> EngineChoice:
    """Choose the engine that translates into a language, and install what it needs.

    Args:
        language: its folder names the engine and its codes, as far as they are not given.
        engine, source, target: as for `choose_engine`.
        package: a file of the engine's to install.
        install: download and install the engine's package.

    Raises:
        TranslationError: there is no engine, or it or its package can't be had.
    """
    choice = choose_engine(language, engine, source, target)
    choice.require()
    if package:
        choice.install_file(package)
    if install:
        choice.install_pair()
    return choice


def translate_language(
    language: Language,
    dataset: Dataset,
    translator: Translator,
    path: Path,
    *,
    journal: Path | None = None,
    sample: int = 0,
    page: Path | None = None,
    progress: bool = True,
) -> TranslatedCaptions:
    """Translate a dataset's captions into a language; drops what is no good, and resumes.

    Args:
        language: its script and `[translation.gates]` decide what is kept.
        dataset: photos with captions that the engine understands.
        translator: an engine that is ready.
        path: where the captions go.
        journal: the folder of all that the engine gave; beside `path` by default.
        sample: captions to return beside their translations.
        page: an HTML page to write, with a sample and what was dropped.
        progress: draw a bar on stderr.

    Raises:
        TranslationError: the engine failed.
    """
    report = translate_captions(dataset, language, translator, path, journal=journal, progress=progress)
    pairs = sample_of(report, sample) if sample else None
    if page:
        write_report(page, language, report, pairs or sample_of(report))
    return TranslatedCaptions(report, pairs)


def train_language(
    language: Language,
    dataset: Dataset,
    features: "Features | Path",
    folder: Path,
    settings: TrainingSettings | None = None,
    *,
    tokenizer: Path | None = None,
    start: Path | None = None,
    photo_layers: Path | None = None,
    terms: Sequence[str] = (),
    progress: bool = True,
) -> Path:
    """Train a language's decoder and return its pack's folder; resumes a run that was stopped.

    Args:
        language: decides normalisation, tokenizer and search.
        dataset: photos, splits and captions in the language.
        features: what `make_features` made, or its folder.
        folder: the run's.
        settings: how to train; by default as the language's folder says.
        tokenizer: the file of one that is trained already; by default one is trained on the train split's captions.
        start: the pack whose decoder this one begins with.
        photo_layers: pack whose photo layers the decoder has, not trained further. (default: layers of its own)
        terms: of the captions, for the pack's card.
        progress: draw bars on stderr.

    Raises:
        TrainingError, FeatureStoreError: as for `train_decoder`.
        BuildError: another process trains in `folder`.
    """
    # mistakes are told before TensorFlow is loaded
    from polycap.features.prepare import open_features
    from polycap.training.inputs import TrainingInputs
    from polycap.training.run import train_decoder

    opened = open_features(features) if isinstance(features, Path) else features
    inputs = TrainingInputs(language, dataset, opened.stores, opened.pca, tokenizer, start, tuple(terms), photo_layers)
    with lock_folder(folder, language.code):
        return train_decoder(inputs, folder, settings or parse_settings((), language), progress=progress)


def train_languages(
    languages: Sequence[Language],
    datasets: Sequence[Dataset],
    features: "Features | Path",
    folder: Path,
    settings: Sequence[TrainingSettings] | None = None,
    *,
    terms: Sequence[Sequence[str]] | None = None,
    progress: bool = True,
) -> list[Path]:
    """Train several languages side by side, over photo layers that they share, and return their packs' folders.

    Args:
        languages: two or more.
        datasets: photos and splits, with the captions of each language.
        features: what `make_features` made, or its folder.
        folder: the run's, with a folder in it for each language.
        settings: recipe of each language. (default: as its folder says)
        terms: of each language's captions, for its pack's card. (default: none)
        progress: draw bars on stderr.

    Raises:
        TrainingError, FeatureStoreError: as for `train_side_by_side`.
        BuildError: another process trains in `folder`.
    """
    # mistakes are told before TensorFlow is loaded
    from polycap.features.prepare import open_features
    from polycap.training.inputs import TrainingInputs
    from polycap.training.side_by_side import train_side_by_side

    opened = open_features(features) if isinstance(features, Path) else features
    inputs = [
        TrainingInputs(language, dataset, opened.stores, opened.pca, terms=tuple(of_captions))
        for language, dataset, of_captions in zip(languages, datasets, terms or [()] * len(languages), strict=True)
    ]
    recipes = settings or [parse_settings((), language) for language in languages]
    by_code = {language.code: recipe for language, recipe in zip(languages, recipes, strict=True)}
    with lock_folder(folder, ", ".join(by_code)):
        return list(train_side_by_side(inputs, folder, by_code, progress=progress).values())
