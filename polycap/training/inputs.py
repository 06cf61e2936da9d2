"""What a training run learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polycap.dataset import Dataset, Photo, main_origin
from polycap.encoder.pca import FeaturePCA
from polycap.errors import TrainingError
from polycap.features.store import FeatureStore
from polycap.language import Language
from polycap.text.tokenizer import Tokenizer

__all__ = ["TrainingInputs"]


@dataclass(frozen=True)
class TrainingInputs:
    """What a run learns from.

    Attributes:
        language: decides normalisation, tokenizer and search.
        dataset: photos, splits and captions in the language.
        stores: views of the photos, the plain one first; all of one encoder and PCA.
        pca: the map that reduced the stores, or None.
        tokenizer: one that is trained already, or its file; without it, one is trained on the train split's captions.
        start: the pack whose decoder this one begins with; where its tokens are others, but for what belongs to them.
        terms: of the captions, for the pack's card, beside those of photos and encoder.
        photo_layers: pack whose photo layers the decoder has; they are not trained further. (default: None, layers of
            its own)
    """

    language: Language
    dataset: Dataset
    stores: Sequence[FeatureStore]
    pca: FeaturePCA | None
    tokenizer: Tokenizer | Path | None = None
    start: Path | None = None
    terms: tuple[str, ...] = ()
    photo_layers: Path | None = None

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
        chosen = self.dataset.of_origin(main_origin(dev)).split("dev")
        return [photo for photo in chosen if photo.name in known]
