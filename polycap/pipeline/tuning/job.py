"""Inputs of the encoder's tuning that its stages share, each read once, on first use."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from polycap.dataset import Dataset, Photo
from polycap.encoder.artefact import EncoderArtefact, open_encoder, save_artefact
from polycap.encoder.encoder_card import EncoderCard
from polycap.encoder.pca import FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.encoder.weight_files import Tensors, tensors_hash
from polycap.encoder.weights import find_weights
from polycap.errors import FeatureStoreError
from polycap.features.extract import extract_features
from polycap.features.store import FeatureStore
from polycap.files import digest, sha256_file
from polycap.files.hashes import HashCache
from polycap.language import Language
from polycap.pipeline.plan import Stage
from polycap.runtime.protocol import Runtime
from polycap.training.encoder_settings import EncoderSettings
from polycap.training.log import LOG
from polycap.training.settings import TrainingSettings

__all__ = [
    "PLAIN",
    "VIEWS",
    "LanguageCaptions",
    "TuningJob",
    "TuningStage",
    "View",
    "count_photos",
    "is_complete",
    "named",
    "read_epochs",
]


@dataclass(frozen=True)
class View:
    """View of the photos to learn from.

    Attributes:
        name: name of its stores' folders.
        mirrored: whether the photos are flipped horizontally.
    """

    name: str
    mirrored: bool = False

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits of the photos that are needed in this view; dev photos are only looked at as they are."""
        return ("train",) if self.mirrored else ("train", "dev")


PLAIN = View("plain")
VIEWS = (PLAIN, View("mirrored", mirrored=True))
"""Views of the train photos."""


@dataclass(frozen=True)
class LanguageCaptions:
    """One of the languages that the encoder is tuned with.

    Attributes:
        language: the language.
        dataset: the photos with its captions.
        recipe: settings of its decoder.
    """

    language: Language
    dataset: Dataset
    recipe: TrainingSettings

    @property
    def code(self) -> str:
        """Code of the language."""
        return self.language.code

    def text(self) -> str:
        """Return a hash of all that decides the form of its captions."""
        hooks = self.language.folder / "hooks.py"
        return digest([self.language.text.model_dump(), sha256_file(hooks) if hooks.is_file() else None])


@dataclass(frozen=True)
class TuningJob:
    """Tuning of the encoder: its arguments, and the inputs that they name.

    Attributes:
        dataset: photos and splits.
        languages: languages with captions of these photos.
        folder: folder of all results.
        runtime: runtime that computes the encoder.
        weights: file of Xception's weights to begin with; None for the first source of `find_weights`.
        words: settings of the exit flow's tuning.
        components: channels of the last cells after the PCA.
        terms: terms of the captions.
        progress: whether to draw bars on stderr; None if it is a terminal.
    """

    dataset: Dataset
    languages: Sequence[LanguageCaptions]
    folder: Path
    runtime: Runtime
    weights: Path | None = None
    words: EncoderSettings = field(default_factory=EncoderSettings)
    components: int = 512
    terms: tuple[str, ...] = ()
    progress: bool | None = None

    @cached_property
    def hashes(self) -> HashCache:
        """Hashes of the photos' files."""
        return HashCache(self.folder / "hashes.json")

    @cached_property
    def tensors(self) -> Tensors:
        """Xception's tensors to begin with.

        Raises:
            EncoderError: no usable weights.
        """
        return find_weights(self.weights)

    @cached_property
    def tensors_hash(self) -> str:
        """Hash of these tensors."""
        return tensors_hash(self.tensors)

    @cached_property
    def activations(self) -> list[FeatureStore]:
        """Activations of the middle flow, the plain view first; those that are missing are computed.

        Raises:
            EncoderError, CaptionRuntimeError: as `Runtime.middle_flow`.
            FeatureStoreError: the folder has activations of other photos, or photos can't be read.
        """
        middle_flow = self.runtime.middle_flow(self.weights)
        stores: list[FeatureStore] = []
        for view in VIEWS:
            photos = [photo for split in view.splits for photo in self.dataset.split(split)]
            stores.append(self.extract(photos, view, self.folder / "activations" / view.name, middle_flow))
        return stores

    def extract(
        self, photos: Sequence[Photo], view: View, folder: Path, encoder: PhotoEncoder, pca: FeaturePCA | None = None
    ) -> FeatureStore:
        """Encode photos in a view into the store in `folder`, or the rest of them; see `extract_features`."""
        store = extract_features(
            [(photo.name, photo.path) for photo in photos],
            encoder,
            folder,
            mirrored=view.mirrored,
            pca=pca,
            hashes=self.hashes,
            progress=self.progress,
        )
        self.hashes.save()
        return store

    def check(self) -> None:
        """Check the inputs that only late stages read.

        Raises:
            TrainingError: the recipes can't be followed side by side.
        """
        from polycap.training.side_by_side import check_recipes

        check_recipes({each.code: each.recipe for each in self.languages})

    def names(self, split: str) -> list[str]:
        """Return the names of the photos of a split."""
        return [photo.name for photo in self.dataset.split(split)]

    def photos(self, splits: Sequence[str] = ()) -> str:
        """Return a hash of the photos' names and contents.

        Args:
            splits: splits of the photos. (default: all photos)
        """
        chosen = [photo for photo in self.dataset.photos if not splits or photo.split in splits]
        return digest([[photo.name, photo.split, self.hashes.get(photo.path)] for photo in chosen])

    def captions(self) -> dict[str, str]:
        """Return hashes of each language's captions and of what decides their form."""
        fingerprints = {f"captions of {each.code}": each.dataset.fingerprint() for each in self.languages}
        return fingerprints | {f"text of {each.code}": each.text() for each in self.languages}

    @property
    def encoder_folder(self) -> Path:
        """Folder of the encoder's artefact."""
        return self.folder / "encoder"

    def encoder(self, pca: FeaturePCA | None = None) -> EncoderArtefact:
        """Open the encoder's artefact, which may be unfinished.

        Args:
            pca: PCA that it is to have, without photo layers; it is written again unless it does. (default: as it is)
        """
        artefact = open_encoder(self.encoder_folder, finished=False)
        card = artefact.card
        if pca is None or (card.pca == pca.identity and card.photo_layers is None):
            return artefact
        return self.start_encoder(artefact.tensors, pca)

    def start_encoder(self, tensors: Tensors, pca: FeaturePCA | None = None) -> EncoderArtefact:
        """Write an unfinished artefact, with a card that says nothing yet."""
        card = EncoderCard(data={}, terms=[], training={}, created=datetime.now(UTC).date().isoformat())
        return save_artefact(self.encoder_folder, card, tensors, pca=pca)


class TuningStage(Stage):
    """Stage of the encoder's tuning; its results are in the job's folder, under the stage's name.

    Attributes:
        job: the tuning.
    """

    def __init__(self, job: TuningJob) -> None:
        self.job = job
        self.folder = job.folder / self.name


def named(name: str, settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings as inputs of a stage, by `name.key`."""
    return {f"{name}.{key}": str(value) for key, value in settings.items()}


def is_complete(folder: Path) -> bool:
    """Return whether a folder has a store in which no photo is left to encode."""
    done, total = _progress(folder)
    return bool(total) and done == total


def count_photos(folders: Sequence[Path]) -> str:
    """Return the number of encoded photos of stores, as text; empty if there are no stores."""
    counts = {folder.name: _progress(folder) for folder in folders}
    return ", ".join(f"{done:,} of {total:,} photos {name}" for name, (done, total) in counts.items() if total)


def _progress(folder: Path) -> tuple[int, int]:
    """Return the number of encoded or unreadable photos of a store, and that of all its photos; 0 without a store."""
    try:
        store = FeatureStore(folder)
    except FeatureStoreError:
        return 0, 0
    return sum(name in store or name in store.faults for name in store.names), len(store.names)


def read_epochs(folder: Path) -> list[dict[str, float]]:
    """Return the rows of a run's log."""
    with (folder / LOG).open(encoding="utf-8", newline="") as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
