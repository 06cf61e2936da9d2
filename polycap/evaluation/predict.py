"""Prediction of the captions of a split, from photos or from stored features."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polycap.captioning.captioner import Captioner
from polycap.captioning.group import CaptionerGroup
from polycap.dataset import Photo
from polycap.errors import PhotoError
from polycap.features.store import FeatureStore
from polycap.files.progress import print_above_bar, progress_bar
from polycap.photos.batches import decode_batches

__all__ = ["predict", "print_left_out", "reduced_features"]

logger = logging.getLogger(__name__)

BATCH_SIZE = 50
"""Photos that are decoded together, from stored features."""


def predict(
    captioners: Sequence[Captioner],
    photos: Sequence[Photo],
    store: FeatureStore | None = None,
    *,
    progress: bool | None,
) -> dict[str, dict[str, str]]:
    """Caption photos in one or more languages; without a store, each photo is encoded once for all of them.

    Returns:
        Captions by language code and photo name. Photos that can't be read are left out, and named on stderr.

    Raises:
        FeatureStoreError: the store is of another encoder, or lacks photos.
    """
    if store is None:
        return _from_photos(captioners, photos, progress)
    for name in [photo.name for photo in photos if photo.name in store.faults]:
        print_left_out(f"{name}: {store.faults[name]}")
    readable = [photo for photo in photos if photo.name not in store.faults]
    return {captioner.language.code: _from_store(captioner, readable, store) for captioner in captioners}


def reduced_features(
    captioner: Captioner, photos: Sequence[Photo], store: FeatureStore | None = None
) -> NDArray[np.float32]:
    """Return the features of photos as the captioner's decoder reads them, `(photos, cells, channels) float32`.

    Raises:
        PhotoError: a photo can't be read.
        FeatureStoreError: the store is of another encoder, or lacks photos.
    """
    if store is not None:
        artefact = captioner.pack.encoder
        store.require(artefact.features, store.pca and artefact.card.pca)
        features = store.read(photo.name for photo in photos)
        return features.astype(np.float32) if store.pca else captioner.reduce(features)
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
    """Caption photos from stored features; return captions by photo name."""
    store.rows(photo.name for photo in photos)  # raises now, and names all photos without features
    if replaced := store.replaced({photo.name: photo.path for photo in photos}):
        count = f"{len(replaced):,} photos were" if len(replaced) > 1 else "a photo was"
        logger.warning(
            "%s: %s replaced after the features were made, first %s; make them anew with `polycap features`",
            *(store.folder, count, replaced[0]),
        )
    captions: dict[str, str] = {}
    for start in range(0, len(photos), BATCH_SIZE):
        batch = photos[start : start + BATCH_SIZE]
        candidates = captioner.decode_reduced(reduced_features(captioner, batch, store))
        captions |= {photo.name: best[0].text for photo, best in zip(batch, candidates, strict=True)}
    return captions


def _from_photos(
    captioners: Sequence[Captioner], photos: Sequence[Photo], progress: bool | None
) -> dict[str, dict[str, str]]:
    """Caption photos from their files; return captions by language code and photo name."""
    names = {photo.path: photo.name for photo in photos}
    captions: dict[str, dict[str, str]] = {captioner.language.code: {} for captioner in captioners}
    results = CaptionerGroup(captioners).pipe(list(names), errors="return")
    for (_, name), result in zip(
        names.items(), progress_bar(results, show=progress, total=len(names), unit="photo"), strict=True
    ):
        if isinstance(result, PhotoError):
            print_left_out(str(result))
            continue
        for code, caption in result.items():
            captions[code][name] = caption.text
    return captions


def print_left_out(reason: str) -> None:
    """Print the reason that a photo is left out on stderr, above a progress bar."""
    print_above_bar(f"polycap: left out: {reason}")
