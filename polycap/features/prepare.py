"""Prepare the features for training, in one folder.

::

    plain/        store of the photos, reduced by the encoder's PCA
    mirrored/     store of the horizontally flipped photos, if requested
    hashes.json   hashes of the photo files, so that a changed photo is encoded again
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import FeatureStoreError
from polycap.features.extract import extract_features
from polycap.features.store import STORE_JSON, FeatureStore, require_precision
from polycap.files import make_folder
from polycap.files.hashes import HashCache

__all__ = ["Features", "clear_broken", "open_features", "open_plain_view", "prepare_features"]

PLAIN, MIRRORED = "plain", "mirrored"
HASHES = "hashes.json"


@dataclass(frozen=True)
class Features:
    """Stored features of a dataset's photos.

    Attributes:
        stores: store of the plain view, then that of the mirrored view if there is one.
        encoder: artefact of the encoder that made them, by whose PCA they are reduced.
    """

    stores: tuple[FeatureStore, ...]
    encoder: EncoderArtefact


def prepare_features(
    photos: Sequence[tuple[str, Path]],
    encoder: PhotoEncoder,
    artefact: EncoderArtefact,
    folder: Path,
    *,
    mirrored: bool = False,
    hashes: HashCache | None = None,
    progress: bool | None = None,
) -> Features:
    """Encode photos and reduce them by the encoder's PCA. A view is resumed if unfinished, and skipped if finished.

    Photos that could not be decoded are tried again, and photos whose files have changed are encoded again.

    Args:
        photos: names and files of the photos of all splits; the names are the keys of the stores.
        encoder: photo encoder.
        artefact: its artefact.
        folder: folder of the features.
        mirrored: whether to add the mirrored view. (default: False)
        hashes: hashes of the photo files. (default: those in the folder)
        progress: whether to draw progress bars on stderr. (default: if it is a terminal)

    Raises:
        FeatureStoreError: the folder has features of other photos, of another encoder or precision; or photo files are
            missing or unreadable.
    """
    views = (PLAIN, MIRRORED) if mirrored else (PLAIN,)
    for view in views:
        _check(folder / view, encoder, artefact, [name for name, _ in photos])
    hashes = hashes or HashCache(make_folder(folder) / HASHES)
    for view in views:
        extract_features(
            photos,
            encoder,
            folder / view,
            mirrored=view == MIRRORED,
            pca=artefact.pca,
            hashes=hashes,
            progress=progress,
        )
    hashes.save()
    return open_features(folder, artefact)


def open_features(folder: Path, encoder: EncoderArtefact) -> Features:
    """Open a folder of `prepare_features`.

    Args:
        folder: folder of the features.
        encoder: the encoder in use.

    Raises:
        FeatureStoreError: there are no features, or they are broken or of another encoder.
    """
    mirrored = [FeatureStore(folder / MIRRORED)] if (folder / MIRRORED).is_dir() else []
    stores = (open_plain_view(folder), *mirrored)
    for store in stores:
        store.require(encoder.features, encoder.card.pca)
    return Features(stores, encoder)


def open_plain_view(folder: Path) -> FeatureStore:
    """Open the store of the plain view in a folder of `prepare_features`, whatever its encoder.

    Raises:
        FeatureStoreError: there are no features, or they are broken.
    """
    if not (folder / PLAIN).is_dir():
        raise FeatureStoreError(f"{folder}: no features here; make them with `polycap features`")
    return FeatureStore(folder / PLAIN)


def _check(folder: Path, encoder: PhotoEncoder, artefact: EncoderArtefact, names: list[str]) -> None:
    """Check that the store of a view, if there is one, is of this encoder, precision and photos.

    Raises:
        FeatureStoreError: it is of others.
    """
    if not (folder / STORE_JSON).is_file():  # a run that is killed early leaves an empty folder
        return
    store = FeatureStore(folder)
    require_precision(folder.parent, store.precision, encoder.precision)
    wrong = {
        "other photos": store.names != names,
        f"encoder {store.encoder}, not {artefact.features}": store.encoder != artefact.features,
        f"PCA {store.pca}, not {artefact.card.pca}": store.pca != artefact.card.pca,
    }
    for subject, is_wrong in wrong.items():
        if is_wrong:
            raise FeatureStoreError(
                f"{folder.parent}: holds features of {subject}; choose another folder or delete this one, and make "
                "them anew with `polycap features`"
            )


def clear_broken(place: Path) -> None:
    """Remove broken stores, which can't be resumed."""
    for folder in [folder for folder in place.iterdir() if folder.is_dir()]:
        try:
            FeatureStore(folder)
        except FeatureStoreError:
            shutil.rmtree(folder)
