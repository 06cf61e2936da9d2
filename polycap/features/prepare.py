"""Prepare the features for training, in one folder.

::

    pca.safetensors    PCA, fitted on train photos
    plain/             reduced store
    mirrored/          reduced store of the horizontally flipped photos, if requested
    hashes.json        hashes of the photo files, so that a changed photo is encoded again
    full-plain/ …      unreduced stores, at least 2.5 times as large: of the plain view until the PCA is fitted and
                       applied, or of all views if they are kept
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from polycap.encoder.pca import PCA_FILE, FeaturePCA
from polycap.encoder.protocol import PhotoEncoder, identity_for
from polycap.errors import FeatureStoreError
from polycap.features.extract import extract_features
from polycap.features.reduce import fit_pca, reduce_store
from polycap.features.store import STORE_JSON, FeatureStore, require_precision
from polycap.files import make_folder
from polycap.files.hashes import HashCache

__all__ = ["Features", "clear_broken", "open_features", "pca_identity", "prepare_features"]

PLAIN, MIRRORED = "plain", "mirrored"
HASHES = "hashes.json"
SHARES = (1.0, 0.375, 0.125)
"""Components of each block of the encoder's channels, relative to the first block's."""


@dataclass(frozen=True)
class Features:
    """Stored features of a dataset's photos.

    Attributes:
        stores: store of the plain view, then that of the mirrored view if there is one.
        pca: PCA that the stores were reduced with.
    """

    stores: tuple[FeatureStore, ...]
    pca: FeaturePCA


def prepare_features(
    photos: Sequence[tuple[str, Path]],
    train: Collection[str],
    encoder: PhotoEncoder,
    folder: Path,
    *,
    components: int = 512,
    pca: FeaturePCA | None = None,
    mirrored: bool = False,
    keep_full: bool = False,
    hashes: HashCache | None = None,
    progress: bool | None = None,
) -> Features:
    """Extract features, fit the PCA and reduce them. Each step is resumed if unfinished, and skipped if finished.

    With an existing PCA, features are reduced as they are extracted. Photos that could not be decoded are tried again,
    and photos whose files have changed are encoded again; the PCA stays the same.

    Args:
        photos: names and files of the photos of all splits; the names are the keys of the stores.
        train: names of the train photos, on which alone the PCA is fitted.
        encoder: photo encoder.
        folder: folder of the features.
        components: channels of Xception's last layer after the PCA; 512 of 2048 keep about 85% of the variance. The
            middle flow and the colours have 3/8 and 1/8 as many, which makes 768 in all. (default: 512)
        pca: PCA to use. A decoder can be initialised from another one only if both read features of one PCA.
            (default: fitted)
        mirrored: whether to add the mirrored view. (default: False)
        keep_full: whether to keep the unreduced stores. (default: False)
        hashes: hashes of the photo files. (default: those in the folder)
        progress: whether to draw progress bars on stderr. (default: if it is a terminal)

    Raises:
        FeatureStoreError: the folder has features of other photos, of another encoder, precision or PCA; or photo
            files are missing or unreadable.
    """
    views = (PLAIN, MIRRORED) if mirrored else (PLAIN,)
    stores = {view: _open_reduced(folder / view, encoder, [name for name, _ in photos]) for view in views}
    if pca is not None:
        components = pca.blocks[0][1]
        _use_pca(folder, pca, any(stores.values()))
    elif (folder / PCA_FILE).is_file() or any(stores.values()):
        _load_pca(folder, components)
    hashes = hashes or HashCache(make_folder(folder) / HASHES)
    for view in views:
        extract = partial(
            extract_features, photos, encoder, mirrored=view == MIRRORED, hashes=hashes, progress=progress
        )
        full = folder / f"full-{view}"
        if _is_complete(stores[view]) and not keep_full:
            shutil.rmtree(full, ignore_errors=True)  # left by a killed run
        if (folder / PCA_FILE).is_file() and not keep_full and not full.is_dir():
            extract(folder / view, pca=_load_pca(folder, components))
            continue
        store = extract(full)
        fitted = _pca(folder, train, store, components, encoder.blocks)
        identity = identity_for(fitted.channels, encoder)
        reduce_store(store, fitted, folder / view, encoder=identity, progress=progress)
        if not keep_full:
            shutil.rmtree(full)
    hashes.save()
    return open_features(folder)


def open_features(folder: Path) -> Features:
    """Open a folder of `prepare_features`.

    Raises:
        FeatureStoreError: there are no features, or they are broken.
    """
    if not (folder / PLAIN).is_dir():
        raise FeatureStoreError(f"{folder}: no features here; make them with `polycap features`")
    views = [folder / view for view in (PLAIN, MIRRORED) if (folder / view).is_dir()]
    return Features(tuple(FeatureStore(view) for view in views), FeaturePCA.load(folder / PCA_FILE))


def _open_reduced(folder: Path, encoder: PhotoEncoder, names: list[str]) -> FeatureStore | None:
    """Open the reduced store of a view; return None if there is none.

    Raises:
        FeatureStoreError: the store is of another encoder or precision, or of other photos.
    """
    if not (folder / STORE_JSON).is_file():  # a run that is killed early leaves an empty folder
        return None
    store = FeatureStore(folder)
    require_precision(folder.parent, store.precision, encoder.precision)
    if store.encoder not in encoder.identity or store.names != names:
        subject = "other photos" if store.names != names else f"encoder {store.encoder}, not {encoder.identity.full}"
        # the whole folder, since its PCA was fitted on those photos, too
        raise FeatureStoreError(
            f"{folder.parent}: holds features of {subject}; choose another folder or delete this one"
        )
    return store


def _is_complete(store: FeatureStore | None) -> bool:
    return store is not None and all(name in store or name in store.faults for name in store.names)


def _pca(
    folder: Path, train: Collection[str], full: FeatureStore, components: int, blocks: Sequence[int]
) -> FeaturePCA:
    """Return the folder's PCA; fit it on the train photos if there is none."""
    if not (folder / PCA_FILE).is_file():
        names = [name for name in train if name in full]
        sizes = [max(1, min(size, int(components * share))) for size, share in zip(blocks, SHARES, strict=False)]
        fit_pca(full, names, sizes, blocks=blocks).save(folder / PCA_FILE)
    return _load_pca(folder, components)


def _use_pca(folder: Path, pca: FeaturePCA, has_stores: bool) -> None:
    """Write a PCA to the folder, or check that the folder's PCA is the same.

    Raises:
        FeatureStoreError: the folder has another PCA, or stores without one.
    """
    path = folder / PCA_FILE
    if not has_stores and not path.is_file():
        pca.save(make_folder(folder) / PCA_FILE)
    elif (existing := FeaturePCA.load(path).identity) != pca.identity:
        raise FeatureStoreError(
            f"{folder}: holds features of PCA {existing}, not {pca.identity}; choose another folder"
        )


def _load_pca(folder: Path, components: int) -> FeaturePCA:
    """Load the folder's PCA, and check the number of components of its first block."""
    path = folder / PCA_FILE
    pca = FeaturePCA.load(path)
    if (size := pca.blocks[0][1]) != components:
        raise FeatureStoreError(f"{path}: has {size} components, not {components}; choose another folder")
    return pca


def clear_broken(place: Path) -> None:
    """Remove what can't be resumed: broken stores, and a PCA and reduced stores that do not belong together."""
    pca = pca_identity(place)
    stores = {}
    for folder in [folder for folder in place.iterdir() if folder.is_dir()]:
        try:
            stores[folder] = FeatureStore(folder).pca
        except FeatureStoreError:
            shutil.rmtree(folder)
    reduced = {folder: identity for folder, identity in stores.items() if identity is not None}
    if not pca or any(identity != pca for identity in reduced.values()):
        (place / PCA_FILE).unlink(missing_ok=True)
        for folder in reduced:
            shutil.rmtree(folder)


def pca_identity(place: Path) -> str:
    """Return the identity of the PCA in a folder of features; empty if it is missing or broken."""
    try:
        return FeaturePCA.load(place / PCA_FILE).identity
    except FeatureStoreError:
        return ""
