"""All the features that training needs, in one folder.

::

    pca.safetensors    the PCA, fitted on train photos
    plain/             the reduced store
    mirrored/          the same of the photos flipped left to right, if asked for
    hashes.json        the photos' hashes, so that a photo that was replaced is encoded again
    full-plain/ …      unreduced stores, 2.5 times the size and more: of the plain view until the PCA is fitted on it
                       and it is reduced, or of all views if they are kept
"""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from polycap.encoder.pca import PCA_FILE, FeaturePCA
from polycap.encoder.protocol import PhotoEncoder, maker_of
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
"""So many components of each of an encoder's blocks for one of the first."""


@dataclass(frozen=True)
class Features:
    """Stored features of a dataset's photos.

    Attributes:
        stores: the views, the plain one first, the mirrored one second where there is one.
        pca: the PCA that reduced them.
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
    """Extract, fit the PCA, reduce; each step resumes where it was stopped and is skipped once it is done.

    Once there is a PCA, cells are reduced as they come. Photos that could not be decoded are tried again, and those
    whose files are other ones by now are encoded again; the PCA stays.

    Args:
        photos: names and files of the photos of all splits; the names are the stores' keys.
        train: names of the train photos, the only ones that the PCA is fitted on.
        encoder: the shared encoder.
        folder: where the stores go.
        components: channels of Xception's last cells after the PCA; 512 of 2048 keep about 85% of the variance. Of
            the middle flow and the colours there are 3/8 and 1/8 as many: 768 in all.
        pca: reduce by this one and fit none: a decoder can begin with another's weights only if both read features of
            one PCA.
        mirrored: make the mirrored view too.
        keep_full: keep the unreduced stores.
        hashes: the photos' hashes, if they are remembered already; else they are in the folder.

    Raises:
        FeatureStoreError: the folder holds features of other photos, of another encoder, precision or PCA; or photos'
            files are not there or may not be read.
    """
    views = (PLAIN, MIRRORED) if mirrored else (PLAIN,)
    # before the first photo: what doesn't fit should not be found out hours later
    begun = {view: _open_reduced(folder / view, encoder, [name for name, _ in photos]) for view in views}
    if pca is not None:
        components = pca.blocks[0][1]
        _use_pca(folder, pca, any(begun.values()))
    elif (folder / PCA_FILE).is_file() or any(begun.values()):
        _load_pca(folder, components)
    hashes = hashes or HashCache(make_folder(folder) / HASHES)
    for view in views:
        extract = partial(
            extract_features, photos, encoder, mirrored=view == MIRRORED, hashes=hashes, progress=progress
        )
        full = folder / f"full-{view}"
        if _is_complete(begun[view]) and not keep_full:
            shutil.rmtree(full, ignore_errors=True)  # a run was killed before it had, or while it did
        if (folder / PCA_FILE).is_file() and not keep_full and not full.is_dir():
            extract(folder / view, pca=_load_pca(folder, components))
            continue
        store = extract(full)
        fitted = _pca(folder, train, store, components, encoder.blocks)
        maker = maker_of(fitted.channels, encoder)
        reduce_store(store, fitted, folder / view, encoder=maker, progress=progress)
        if not keep_full:
            shutil.rmtree(full)
    hashes.save()
    return open_features(folder)


def open_features(folder: Path) -> Features:
    """Open what `prepare_features` made.

    Raises:
        FeatureStoreError: nothing is there, or it is broken.
    """
    if not (folder / PLAIN).is_dir():
        raise FeatureStoreError(f"{folder}: no features here; make them with `polycap features`")
    views = [folder / view for view in (PLAIN, MIRRORED) if (folder / view).is_dir()]
    return Features(tuple(FeatureStore(view) for view in views), FeaturePCA.load(folder / PCA_FILE))


def _open_reduced(folder: Path, encoder: PhotoEncoder, names: list[str]) -> FeatureStore | None:
    """The reduced store, if it is begun.

    Raises:
        FeatureStoreError: it is of another encoder or precision, or of other photos.
    """
    if not (folder / STORE_JSON).is_file():  # the folder alone is what a run leaves that is killed at once
        return None
    store = FeatureStore(folder)
    require_precision(folder.parent, store.precision, encoder.precision)
    if store.encoder not in encoder.identity or store.names != names:
        what = "other photos" if store.names != names else f"encoder {store.encoder}, not {encoder.identity.whole}"
        # the whole folder: the PCA in it was fitted on those, too
        raise FeatureStoreError(f"{folder.parent}: holds features of {what}; choose another folder or delete this one")
    return store


def _is_complete(store: FeatureStore | None) -> bool:
    return store is not None and all(name in store or name in store.faults for name in store.names)


def _pca(
    folder: Path, train: Collection[str], full: FeatureStore, components: int, blocks: Sequence[int]
) -> FeaturePCA:
    if not (folder / PCA_FILE).is_file():
        names = [name for name in train if name in full]
        kept = [max(1, min(size, int(components * share))) for size, share in zip(blocks, SHARES, strict=False)]
        fit_pca(full, names, kept, blocks=blocks).save(folder / PCA_FILE)
    return _load_pca(folder, components)


def _use_pca(folder: Path, pca: FeaturePCA, begun: bool) -> None:
    """Put a PCA in its place, before the first photo.

    Raises:
        FeatureStoreError: another one is there.
    """
    path = folder / PCA_FILE
    if not begun and not path.is_file():
        pca.save(make_folder(folder) / PCA_FILE)
    elif (found := FeaturePCA.load(path).identity) != pca.identity:
        raise FeatureStoreError(f"{folder}: holds features of PCA {found}, not {pca.identity}; choose another folder")


def _load_pca(folder: Path, components: int) -> FeaturePCA:
    path = folder / PCA_FILE
    pca = FeaturePCA.load(path)
    if (found := pca.blocks[0][1]) != components:
        raise FeatureStoreError(f"{path}: has {found} components, not {components}; choose another folder")
    return pca


def clear_broken(place: Path) -> None:
    """Remove what can't be gone on with: torn stores, and a PCA and reduced stores that are not of one another."""
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
    """Of the PCA in a folder of features; empty if there is none that can be read."""
    try:
        return FeaturePCA.load(place / PCA_FILE).identity
    except FeatureStoreError:
        return ""
