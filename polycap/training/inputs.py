"""Inputs of a training run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polycap.dataset import Dataset, Photo, main_origin
from polycap.encoder.artefact import EncoderArtefact
from polycap.errors import TrainingError
from polycap.features.store import FeatureStore
from polycap.language import Language
from polycap.text.tokenizer import Tokenizer

__all__ = ["TrainingInputs"]


@dataclass(frozen=True)
class TrainingInputs:
    """Inputs of a training run.

    Attributes:
        language: language of the captions, with the settings of normalisation, tokenizer and search.
        dataset: photos, splits and captions in the language.
        stores: stored features of the photos, one store per view, the plain view first; all of `encoder`.
        encoder: artefact of the encoder, whose photo layers the decoder has and does not train.
        tokenizer: a trained tokenizer, or its file. (default: one is trained on the captions of the train split)
        initial_pack: folder of a pack whose decoder's weights initialise this one; if its tokenizer differs, the
            weights of its tokens are not used. (default: random weights)
        terms: terms of use of the captions, for the pack's card, beside those of photos and encoder. (default: none)
    """

    language: Language
    dataset: Dataset
    stores: Sequence[FeatureStore]
    encoder: EncoderArtefact
    tokenizer: Tokenizer | Path | None = None
    initial_pack: Path | None = None
    terms: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise TrainingError for an empty split, and FeatureStoreError for stores of another encoder or PCA."""
        for store in self.stores:
            store.require(self.encoder.features, self.encoder.card.pca)
        for split in ("train", "dev"):
            if not self.photos(split):
                raise TrainingError(f"{self.dataset.folder}: no photo with captions in the {split} split")

    def photos(self, split: str) -> list[Photo]:
        """Return the photos of a split, without those that could not be read for the features."""
        unreadable = {name for store in self.stores for name in store.faults}
        return [photo for photo in self.dataset.split(split) if photo.name not in unreadable]

    def dev_references(self) -> list[Photo]:
        """Return the dev photos with the references of the dev score, of one origin: by people if there are any.

        Scores against references of several origins would not be comparable.
        """
        dev = self.photos("dev")
        readable = {photo.name for photo in dev}
        chosen = self.dataset.with_origin(main_origin(dev)).split("dev")
        return [photo for photo in chosen if photo.name in readable]
