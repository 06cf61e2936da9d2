"""Fit a PCA on the cells of a store, and reduce stores with it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polycap.encoder.pca import FeaturePCA, _principal_axes, block_places, join_blocks
from polycap.errors import FeatureStoreError
from polycap.features.store import FeatureStore, StoreWriter
from polycap.files.progress import progress_bar

__all__ = ["fit_pca", "reduce_store"]


def fit_pca(
    store: FeatureStore,
    names: Sequence[str],
    components: int | Sequence[int],
    *,
    blocks: Sequence[int] = (),
    cells_per_photo: int = 10,
    seed: int = 0,
) -> FeaturePCA:
    """Fit a PCA on random cells of train photos.

    Args:
        store: unreduced store with the photos.
        names: names of the train photos.
        components: number of components, or that of each block.
        blocks: number of channels of each block. (default: one block of all channels)
        cells_per_photo: number of cells per photo, since neighbouring cells are similar. More are taken if there would
            be fewer cells than components. (default: 10)
        seed: seed of the random cells. (default: 0)

    Raises:
        FeatureStoreError: there are more components than channels or than cells.
    """
    counts = [components] if isinstance(components, int) else list(components)
    cells, channels = store.shape
    shapes = list(zip(blocks or (channels,), counts, strict=True))
    take = min(max(cells_per_photo, -(-max(counts) // max(len(names), 1))), cells)
    for size, count in shapes:
        most = min(size, len(names) * take)
        if not 1 <= count <= most:
            raise FeatureStoreError(
                f"{count} components: must be from 1 to {most}, the smaller of {size} channels and "
                f"{len(names) * take} cells to fit on"
            )
    generator = np.random.default_rng(seed)
    sample = np.empty((len(names) * take, channels), dtype=np.float32)
    for position, row in enumerate(store.rows(names)):
        chosen = np.sort(generator.choice(cells, take, replace=False))
        sample[position * take : (position + 1) * take] = store.features[row][chosen]
    mean = sample.mean(axis=0)
    bases, shares = [], []
    for (rows, _), (_, count) in zip(block_places(shapes), shapes, strict=True):
        axes, variances = _principal_axes(sample[:, rows], mean[rows])
        bases.append(axes[:, :count] * np.sqrt(count / variances[:count].sum()))
        shares.append(float(variances[:count].sum() / variances.sum()))
    return FeaturePCA(mean, join_blocks(bases), shares[0], shapes)


def reduce_store(store: FeatureStore, pca: FeaturePCA, folder: Path, *, progress: bool | None = None) -> FeatureStore:
    """Write a store of the same photos with reduced channels; an unfinished one is resumed.

    Args:
        store: unreduced store.
        pca: PCA to reduce it with.
        folder: folder of the reduced store.
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Raises:
        FeatureStoreError: `store` is reduced or unfinished, or `folder` has another store.
    """
    if store.pca is not None:
        raise FeatureStoreError(f"{store.folder}: is reduced already (PCA {store.pca}); give the unreduced store")
    store.rows(name for name in store.names if name not in store.faults)  # raises the error of an unfinished store
    shape = (store.shape[0], pca.components)
    writer = StoreWriter(
        folder,
        store.names,
        shape,
        encoder=store.encoder,
        precision=store.precision,
        pca=pca.identity,
        mirrored=store.mirrored,
        contents=[store.contents.get(row) for row in range(len(store.names))],
    )
    total = len(store.names)
    done = total - len(writer.missing)
    with progress_bar(show=progress, total=total, done=done, unit="photo", description=folder.name) as bar:
        for start in range(0, len(writer.missing), 64):
            rows = writer.missing[start : start + 64]
            good = [row for row in rows if store.names[row] in store]
            faults = {row: store.faults[store.names[row]] for row in rows if row not in good}
            # one photo at a time: its bits must not depend on where a run was interrupted
            writer.write({row: pca(store.features[row]) for row in good}, faults)
            bar.update(len(rows))
    return FeatureStore(folder)
