"""How good a language's captions are, on a split of a dataset."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from polycap.captioning import Captioner, caption_photos
from polycap.dataset import Dataset, Photo, join_origins
from polycap.errors import EvaluationError
from polycap.features.store import FeatureStore
from polycap.files import make_folder
from polycap.metrics import Scores, score_captions, write_score_files

__all__ = ["evaluate_captioner"]

BATCH = 50


def evaluate_captioner(
    captioner: Captioner,
    dataset: Dataset,
    split: str,
    *,
    store: FeatureStore | None = None,
    raw: bool = False,
    folder: Path | None = None,
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
        make_folder(folder)  # before the work: what can't be written should not be found out after it
    predicted = _from_store(captioner, photos, store) if store else _from_photos(captioner, photos, progress)
    kept = [photo for photo in photos if photo.name in predicted]
    if not kept:
        raise EvaluationError(f"{dataset.folder}: no photo of the {split} split can be read")
    normalize = captioner.language.normalize
    captions = [normalize(predicted[photo.name], raw=raw) for photo in kept]
    references = [[normalize(caption.text, raw=raw) for caption in photo.captions] for photo in kept]
    scores = score_captions(
        captions,
        references,
        tokenizer=captioner.language.evaluation.sacrebleu_tokenizer,
        references_origin=join_origins(kept),
        normalized=not raw,
    )
    if folder is not None:
        names = [photo.name for photo in kept]
        code = captioner.language.code
        write_score_files(folder, names, captions, references, scores, language=code, split=split)
    return scores


def _from_store(captioner: Captioner, photos: Sequence[Photo], store: FeatureStore) -> dict[str, str]:
    pca = captioner.pack.pca
    store.require(captioner.encoder.identity, store.pca and (pca.identity if pca else None))
    for name in [photo.name for photo in photos if photo.name in store.faults]:
        _leave_out(f"{name}: {store.faults[name]}")
    photos = [photo for photo in photos if photo.name not in store.faults]
    rows = store.rows(photo.name for photo in photos)
    candidates = []
    for start in range(0, len(rows), BATCH):
        features = store.features[rows[start : start + BATCH]].astype(np.float32)
        candidates += captioner.decode_reduced(features) if store.pca else captioner.decode(features)
    return {photo.name: found[0].caption for photo, found in zip(photos, candidates, strict=True)}


def _from_photos(captioner: Captioner, photos: Sequence[Photo], progress: bool) -> dict[str, str]:
    names = {photo.path: photo.name for photo in photos}
    code = captioner.language.code
    captions = {}
    results = caption_photos(list(names), [captioner])
    for (_, name), result in zip(
        names.items(), tqdm(results, total=len(names), unit="photo", disable=not progress), strict=True
    ):
        if result.error is None:
            captions[name] = result.candidates[code][0].caption
        else:
            _leave_out(str(result.error))
    return captions


def _leave_out(reason: str) -> None:
    tqdm.write(f"polycap: left out: {reason}", file=sys.stderr)
