"""Evaluation of one language's captions on a split of a dataset."""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import Any

from polycap.captioning.captioner import Captioner
from polycap.dataset import Dataset, Photo, join_origins
from polycap.errors import EvaluationError
from polycap.evaluation.failures import count_failures
from polycap.evaluation.predict import predict
from polycap.evaluation.zeros import zero_reasons
from polycap.features.store import FeatureStore
from polycap.files import make_folder
from polycap.language import Language
from polycap.metrics import Scores, score_captions, write_score_files
from polycap.pack.pack import load_pack
from polycap.pack.record import record_scores

__all__ = ["Evaluation", "evaluate_captioner", "evaluate_pack", "score_predictions"]


@dataclass(frozen=True)
class Evaluation:
    """Captions of a split in one language, with references and scores.

    Attributes:
        language: the language.
        split: name of the split.
        photos: photos of the split that could be read.
        captions: one caption per photo, in the form that was scored.
        references: one or more references per photo, in the form that was scored.
        scores: the scores.
        raw: whether captions and references have case and punctuation. (default: False)
        via: language and engine that the captions were translated by, `CODE:ENGINE`. (default: "", not translated)
        steadiness: shares by change, as `measure_steadiness` returns them. (default: not measured)
    """

    language: Language
    split: str
    photos: tuple[Photo, ...]
    captions: list[str]
    references: list[list[str]]
    scores: Scores
    raw: bool = False
    via: str = ""
    steadiness: dict[str, float] = field(default_factory=dict)

    @cached_property
    def failures(self) -> dict[str, Any]:
        """Known failures of the captions, as `count_failures` returns them."""
        return count_failures(self.language, self.captions, self.references, normalized=not self.raw)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `polycap evaluate --json` prints."""
        row = self.scores.to_json(language=self.language.code, split=self.split)
        steadiness = {change: round(share, 4) for change, share in self.steadiness.items()}
        if reasons := zero_reasons(self.captions, self.references, self.scores):
            row["reasons"] = reasons
        return row | ({"via": self.via} if self.via else {}) | ({"steadiness": steadiness} if steadiness else {})

    def write(self, folder: Path) -> None:
        """Write predictions, references and scores, from which `sacrebleu` can recompute the scores.

        Raises:
            PolycapError: the folder can't be written.
        """
        names = [photo.name for photo in self.photos]
        code = self.language.code
        write_score_files(folder, names, self.captions, self.references, self.scores, language=code, split=self.split)

    def record(self, pack: Path) -> None:
        """Record scores and failures in the card of the pack in the folder `pack`.

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
    """Caption the photos of a split (free-running, without references) and score the captions.

    Args:
        captioner: the captioner to evaluate.
        dataset: photos and references; `Dataset.with_captions` sets other references.
        split: "train", "dev" or "test".
        store: stored features of the photos. (default: the photos are encoded)
        raw: whether to keep case and punctuation. Otherwise captions and references are normalised by the language,
            which for the built-in languages means lower case without punctuation, as in the literature. (default:
            False)
        folder: folder for predictions, references and scores, from which `sacrebleu` can recompute the scores.
            (default: none are written)
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Raises:
        EvaluationError: the split has no photos, or no photo of it can be read.
        FeatureStoreError: the store is of another encoder, or lacks photos.
    """
    photos = dataset.split(split)
    if not photos:
        raise EvaluationError(f"{dataset.folder}: no photo with captions in the {split} split")
    if folder is not None:
        make_folder(Path(folder))  # a folder that can't be written is reported before the work
    language = captioner.language
    predictions = predict([captioner], photos, store, progress=progress)[language.code]
    evaluation = score_predictions(language, dataset, split, predictions, raw=raw)
    evaluation = replace(evaluation, via=captioner.translated_by)
    if folder is not None:
        evaluation.write(Path(folder))
    return evaluation


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
    """Score a pack that is not installed, such as a run's, and record the scores in its card.

    Args:
        language: language of the pack.
        pack: folder of the pack.
        dataset, split, store, folder, progress: as for `evaluate_captioner`.
        encoder: the encoder of the pack's features.
        runtime: an open runtime.

    Raises:
        PackError: there is no pack, it is broken, or it has another encoder.
        EvaluationError, FeatureStoreError: as for `evaluate_captioner`.
    """
    captioner = Captioner(language, load_pack(pack, encoder.artefact), encoder, runtime=runtime)
    evaluation = evaluate_captioner(captioner, dataset, split, store=store, folder=folder, progress=progress)
    evaluation.record(pack)
    return evaluation


def score_predictions(
    language: Language, dataset: Dataset, split: str, predictions: dict[str, str], *, raw: bool = False
) -> Evaluation:
    """Score captions of a split against the dataset's; photos without a predicted caption are left out.

    Args:
        language: language of the captions.
        dataset: photos and references.
        split: "train", "dev" or "test".
        predictions: captions by photo name, not normalised.
        raw: as for `evaluate_captioner`. (default: False)

    Raises:
        EvaluationError: no photo of the split has a predicted caption.
    """
    photos = tuple(photo for photo in dataset.split(split) if photo.name in predictions)
    if not photos:
        raise EvaluationError(f"{dataset.folder}: no photo of the {split} split can be read")
    normalize = partial(language.normalize, keep_case_and_punctuation=raw)
    captions = [normalize(predictions[photo.name]) for photo in photos]
    references = [[normalize(caption.text) for caption in photo.captions] for photo in photos]
    scores = score_captions(
        captions,
        references,
        tokenizer=language.evaluation.sacrebleu_tokenizer,
        references_origin=join_origins(photos),
        normalized=not raw,
    )
    return Evaluation(language, split, photos, captions, references, scores, raw)
