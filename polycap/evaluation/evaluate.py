"""How good a language's captions are, on a split of a dataset."""

from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from polycap.captioning.captioner import Captioner
from polycap.dataset import Dataset, Photo, join_origins
from polycap.errors import EvaluationError
from polycap.evaluation.failures import count_failures
from polycap.evaluation.predict import predict
from polycap.features.store import FeatureStore
from polycap.files import make_folder
from polycap.language import Language
from polycap.metrics import Scores, score_captions, write_score_files
from polycap.pack.pack import load_pack
from polycap.pack.record import record_scores

__all__ = ["Evaluation", "evaluate_captioner", "evaluate_pack", "score_predictions"]


@dataclass(frozen=True)
class Evaluation:
    """A language's captions of a split, with their references and scores.

    Attributes:
        language: the language.
        split: the photos' split.
        photos: those that could be read.
        captions: one per photo, in the form that was scored; `references` likewise.
        scores: the figures.
        raw: whether that form has case and punctuation.
        via: language and engine that the captions were translated by, `CODE:ENGINE`. (default: "", not translated)
    """

    language: Language
    split: str
    photos: tuple[Photo, ...]
    captions: list[str]
    references: list[list[str]]
    scores: Scores
    raw: bool = False
    via: str = ""

    @cached_property
    def failures(self) -> dict[str, Any]:
        """Known failures of the captions, as `count_failures` gives them."""
        return count_failures(self.language, self.captions, self.references, normalized=not self.raw)

    def to_json(self) -> dict[str, Any]:
        """The object that `polycap evaluate --json` prints."""
        row = self.scores.to_json(language=self.language.code, split=self.split)
        return row | ({"via": self.via} if self.via else {})

    def write(self, folder: Path) -> None:
        """Write predictions, references and scores, so that `sacrebleu` can recompute them.

        Raises:
            PolycapError: the folder can't be written.
        """
        names = [photo.name for photo in self.photos]
        code = self.language.code
        write_score_files(folder, names, self.captions, self.references, self.scores, language=code, split=self.split)

    def record(self, pack: Path) -> None:
        """Enter scores and failures in the card of the pack in `pack`.

        Raises:
            PackError: there is no pack.
        """
        record_scores(pack, self.to_json() | {"failures": self.failures})


def evaluate_captioner(
    captioner: Captioner,
    dataset: Dataset,
    split: str,
    *,
    store: FeatureStore | None = None,
    raw: bool = False,
    folder: str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> Evaluation:
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
    scored = score_predictions(captioner.language, dataset, split, predicted[captioner.language.code], raw=raw)
    found = replace(scored, via=captioner.translated_by)
    if folder is not None:
        found.write(Path(folder))
    return found


def evaluate_pack(
    language: Language,
    pack: Path,
    dataset: Dataset,
    split: str,
    *,
    encoder: Any,
    runtime: Any,
    store: FeatureStore | None = None,
    folder: Path | None = None,
    progress: bool | None = None,
) -> Evaluation:
    """Score a pack that is not the language's own yet, such as a run's, and enter the scores in its card.

    Args:
        language: whose captions.
        pack: the pack's folder.
        dataset, split, store, folder, progress: as for `evaluate_captioner`.
        encoder: the one that the pack was trained with.
        runtime: an open runtime.

    Raises:
        PackError: there is no pack, or it is broken or of another encoder.
        EvaluationError, FeatureStoreError: as for `evaluate_captioner`.
    """
    captioner = Captioner(language, load_pack(pack), encoder, runtime=runtime)
    found = evaluate_captioner(captioner, dataset, split, store=store, folder=folder, progress=progress)
    found.record(pack)
    return found


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
    return Evaluation(language, split, kept, captions, references, scores, raw)
