"""How good a language's captions are, on a split of a dataset."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from polycap.captioning.captioner import Captioner
from polycap.dataset import Dataset, Photo, join_origins
from polycap.errors import EvaluationError
from polycap.evaluation.predict import predict
from polycap.features.store import FeatureStore
from polycap.files import make_folder
from polycap.language import Language
from polycap.metrics import Scores, score_captions, write_score_files

__all__ = ["Evaluation", "evaluate_captioner", "score_predictions"]


@dataclass(frozen=True)
class Evaluation:
    """What became of a language's captions on a split.

    Attributes:
        language: the language.
        split: the photos' split.
        photos: those that could be read.
        captions: one per photo, in the form that was scored; `references` likewise.
        scores: the figures.
    """

    language: Language
    split: str
    photos: tuple[Photo, ...]
    captions: list[str]
    references: list[list[str]]
    scores: Scores

    def to_json(self) -> dict[str, Any]:
        """The object that `polycap evaluate --json` prints."""
        return self.scores.to_json(language=self.language.code, split=self.split)

    def write(self, folder: Path) -> None:
        """Write predictions, references and scores, so that `sacrebleu` can recompute them.

        Raises:
            PolycapError: the folder can't be written.
        """
        names = [photo.name for photo in self.photos]
        code = self.language.code
        write_score_files(folder, names, self.captions, self.references, self.scores, language=code, split=self.split)


def evaluate_captioner(
    captioner: Captioner,
    dataset: Dataset,
    split: str,
    *,
    store: FeatureStore | None = None,
    raw: bool = False,
    folder: str | PathLike[str] | None = None,
    progress: bool = True,
) -> Scores:
    """Caption a split freely and score the captions against the dataset's.

    Args:
        captioner: whose captions.
        dataset: photos and references; `Dataset.with_captions` sets other references.
        split: train, dev or test.
        store: features that are there already; without it the photos are encoded.
        raw: keep case and punctuation. Otherwise both sides are normalised as the language does, which for the
            built-in languages is lower case without punctuation, as the literature has it.
        folder: write predictions, references and scores there, so that `sacrebleu` can recompute them.

    Raises:
        EvaluationError: the split has no photos, or no photo of it can be read.
        FeatureStoreError: the store is of another encoder, or lacks photos.
    """
    photos = dataset.split(split)
    if not photos:
        raise EvaluationError(f"{dataset.folder}: no photo with captions in the {split} split")
    if folder is not None:
        make_folder(Path(folder))  # before the work: what can't be written should not be found out after it
    predicted = predict([captioner], photos, store, progress=progress)
    found = score_predictions(captioner.language, dataset, split, predicted[captioner.language.code], raw=raw)
    if folder is not None:
        found.write(Path(folder))
    return found.scores


def score_predictions(
    language: Language, dataset: Dataset, split: str, predicted: dict[str, str], *, raw: bool = False
) -> Evaluation:
    """Score captions of a split, by photo name, against the dataset's; photos without a caption are left out.

    Raises:
        EvaluationError: no photo of the split has one.
    """
    kept = tuple(photo for photo in dataset.split(split) if photo.name in predicted)
    if not kept:
        raise EvaluationError(f"{dataset.folder}: no photo of the {split} split can be read")
    normalize = language.normalize
    captions = [normalize(predicted[photo.name], raw=raw) for photo in kept]
    references = [[normalize(caption.text, raw=raw) for caption in photo.captions] for photo in kept]
    scores = score_captions(
        captions,
        references,
        tokenizer=language.evaluation.sacrebleu_tokenizer,
        references_origin=join_origins(kept),
        normalized=not raw,
    )
    return Evaluation(language, split, kept, captions, references, scores)
