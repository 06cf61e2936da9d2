"""All the features that training needs, in one folder.

::

    pca.safetensors    the PCA, fitted on train photos
    plain/             the reduced store
    mirrored/          the same of the photos flipped left to right, if asked for
    full-plain/ …      the unreduced stores, 2.5 times the size and more; removed once reduced, unless kept
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from polycap.dataset import Dataset
from polycap.errors import FeatureStoreError
from polycap.features.extract import extract_features
from polycap.features.pca import PCA_FILE, FeaturePCA, fit_pca, reduce_store
from polycap.features.protocol import PhotoEncoder
from polycap.features.store import MANIFEST, FeatureStore, require_precision
from polycap.files import make_folder

__all__ = ["Features", "load_pca", "open_features", "prepare_features"]

PLAIN, MIRRORED = "plain", "mirrored"


@dataclass(frozen=True)
class Features:
    """The views of a dataset's photos, the plain one first, and the PCA that reduced them."""

    stores: tuple[FeatureStore, ...]
    pca: FeaturePCA


def prepare_features(
    dataset: Dataset,
    encoder: PhotoEncoder,
    folder: Path,
    *,
    components: int = 512,
    pca: FeaturePCA | None = None,
    mirrored: bool = False,
    keep_full: bool = False,
    progress: bool = True,
) -> Features:
    """Extract, fit the PCA, reduce; each step resumes where it was stopped and is skipped once it is done.

    Args:
        dataset: its photos of all splits are encoded; the PCA sees the train split only.
        encoder: the shared encoder.
        folder: where the stores go.
        components: channels after the PCA; 512 of Xception's 2048 keep about 85% of the variance.
        pca: reduce by this one and fit none: a decoder can begin with another's weights only if both read features of
            one PCA.
        mirrored: make the mirrored view too.
        keep_full: keep the unreduced stores.

    Raises:
        FeatureStoreError: the folder holds features of other photos, of another encoder, precision or PCA.
    """
    photos = [(photo.name, photo.path) for photo in dataset.photos]
    views = (PLAIN, MIRRORED) if mirrored else (PLAIN,)
    # before the first photo: what doesn't fit should not be found out hours later
    done = {view: _complete(folder / view, encoder, [name for name, _ in photos]) for view in views}
    if pca is not None:
        components = pca.components
        _use_pca(folder, pca, any(done.values()))
    elif (folder / PCA_FILE).is_file() or any(done.values()):
        _load_pca(folder, components)
    for view in views:
        if done[view]:
            continue
        full = extract_features(photos, encoder, folder / f"full-{view}", mirrored=view == MIRRORED, progress=progress)
        fitted = _pca(folder, dataset, full, components)
        reduce_store(full, fitted, folder / view, progress=progress)
        if not keep_full:
            shutil.rmtree(full.folder)
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


def _complete(folder: Path, encoder: PhotoEncoder, names: list[str]) -> bool:
    """Whether the reduced store is finished.

    Raises:
        FeatureStoreError: it is of another encoder or precision, or of other photos.
    """
    if not (folder / MANIFEST).is_file():  # the folder alone is what a run leaves that is killed at once
        return False
    store = FeatureStore(folder)
    require_precision(folder.parent, store.precision, encoder.precision)
    if store.encoder != encoder.identity or store.names != names:
        what = "other photos" if store.names != names else f"encoder {store.encoder}, not {encoder.identity}"
        # the whole folder: the PCA in it was fitted on those, too
        raise FeatureStoreError(f"{folder.parent}: holds features of {what}; choose another folder or delete this one")
    return all(name in store or name in store.faults for name in names)


def _pca(folder: Path, dataset: Dataset, full: FeatureStore, components: int) -> FeaturePCA:
    if not (folder / PCA_FILE).is_file():
        names = [photo.name for photo in dataset.split("train") if photo.name in full]
        fit_pca(full, names, components).save(folder / PCA_FILE)
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


def load_pca(path: Path) -> FeaturePCA:
    """The PCA of a pack's folder or of one of features, or a file's.

    Raises:
        FeatureStoreError: there is none.
    """
    return FeaturePCA.load(path / PCA_FILE if path.is_dir() else path)


def _load_pca(folder: Path, components: int) -> FeaturePCA:
    path = folder / PCA_FILE
    pca = FeaturePCA.load(path)
    if pca.components != components:
        raise FeatureStoreError(f"{path}: has {pca.components} components, not {components}; choose another folder")
    return pca
