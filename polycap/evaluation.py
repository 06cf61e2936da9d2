"""How good a language's captions are, on a split of a dataset."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from polycap.captioning import Captioner, caption_photos
from polycap.dataset import Dataset, Photo, join_origins
from polycap.errors import EvaluationError, PhotoError
from polycap.features.extract import decode_batches
from polycap.features.store import FeatureStore
from polycap.files import make_folder
from polycap.language import Language
from polycap.metrics import Scores, score_captions, write_score_files

__all__ = ["Evaluation", "evaluate_captioner", "judge", "predict", "reduced_features"]

BATCH = 50


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
    found = judge(captioner.language, dataset, split, predicted[captioner.language.code], raw=raw)
    if folder is not None:
        found.write(Path(folder))
    return found.scores


def predict(
    captioners: Sequence[Captioner], photos: Sequence[Photo], store: FeatureStore | None = None, *, progress: bool
) -> dict[str, dict[str, str]]:
    """The captions of photos in one or more languages; without a store, each photo is encoded once for all of them.

    Returns:
        language code -> photo name -> caption; photos that can't be read are left out, and named on stderr.

    Raises:
        FeatureStoreError: the store is of another encoder, or lacks photos.
    """
    if store is None:
        return _from_photos(captioners, photos, progress)
    for name in [photo.name for photo in photos if photo.name in store.faults]:
        _leave_out(f"{name}: {store.faults[name]}")
    kept = [photo for photo in photos if photo.name not in store.faults]
    return {captioner.language.code: _from_store(captioner, kept, store) for captioner in captioners}


def judge(
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


def reduced_features(
    captioner: Captioner, photos: Sequence[Photo], store: FeatureStore | None = None
) -> NDArray[np.float32]:
    """The features of a few photos as the captioner's decoder takes them, `(photos, cells, channels) float32`.

    Raises:
        PhotoError: a photo can't be read.
        FeatureStoreError: the store is of another encoder, or lacks photos.
    """
    pca = captioner.pack.pca
    if store is not None:
        whole = captioner.encoder.identity.whole  # reduced by the pack itself, which fits the encoder
        encoder = whole if store.pca is None and store.encoder == whole else captioner.pack.card.encoder
        store.require(encoder, store.pca and (pca.identity if pca else None))
        found = store.read(photo.name for photo in photos)
        return found.astype(np.float32) if store.pca else captioner.reduce(found)
    grids = []
    for batch in decode_batches([(photo.name, photo.path) for photo in photos], captioner.encoder.size):
        decoded = []
        for _, pixels in batch:
            if isinstance(pixels, PhotoError):
                raise pixels
            decoded.append(pixels)
        grids.append(captioner.encoder.grid(np.stack(decoded)))
    return captioner.reduce(np.concatenate(grids))


def _from_store(captioner: Captioner, photos: Sequence[Photo], store: FeatureStore) -> dict[str, str]:
    store.rows(photo.name for photo in photos)  # before the work: all that have no features are named
    captions: dict[str, str] = {}
    for start in range(0, len(photos), BATCH):
        batch = photos[start : start + BATCH]
        found = captioner.decode_reduced(reduced_features(captioner, batch, store))
        captions |= {photo.name: best[0].caption for photo, best in zip(batch, found, strict=True)}
    return captions


def _from_photos(captioners: Sequence[Captioner], photos: Sequence[Photo], progress: bool) -> dict[str, dict[str, str]]:
    names = {photo.path: photo.name for photo in photos}
    captions: dict[str, dict[str, str]] = {captioner.language.code: {} for captioner in captioners}
    results = caption_photos(list(names), captioners)
    for (_, name), result in zip(
        names.items(), tqdm(results, total=len(names), unit="photo", disable=None if progress else True), strict=True
    ):
        for code, candidates in result.candidates.items():
            captions[code][name] = candidates[0].caption
        if result.error is not None:
            _leave_out(str(result.error))
    return captions


def _leave_out(reason: str) -> None:
    tqdm.write(f"polycap: left out: {reason}", file=sys.stderr)
