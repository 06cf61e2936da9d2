"""A PCA fitted on a store's cells, and stores reduced by it."""

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
    """Fit on randomly chosen cells of the given photos: train photos, so that nothing of dev or test leaks in.

    Args:
        store: an unreduced store that has the photos.
        names: the photos to fit on.
        components: channels to keep, or those of each block.
        blocks: how many channels are of each kind; without it, all are of one.
        cells_per_photo: how many of a photo's cells take part; neighbouring cells are alike. More where photos are so
            few that there would not be a cell for each component.
        seed: chooses the cells.

    Raises:
        FeatureStoreError: more components than channels or than cells to fit on.
    """
    kept = [components] if isinstance(components, int) else list(components)
    cells, channels = store.shape
    shapes = list(zip(blocks or (channels,), kept, strict=True))
    take = min(max(cells_per_photo, -(-max(kept) // max(len(names), 1))), cells)
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


def reduce_store(
    store: FeatureStore, pca: FeaturePCA, folder: Path, *, encoder: str = "", progress: bool | None = None
) -> FeatureStore:
    """Write a store of the same photos with reduced channels; resumable as extraction is.

    `encoder` is the identity of what makes the channels that `pca` reads; without it, the store's.

    Raises:
        FeatureStoreError: `store` is reduced already or unfinished, or `folder` holds another store.
    """
    if store.pca is not None:
        raise FeatureStoreError(f"{store.folder}: is reduced already (PCA {store.pca}); give the unreduced store")
    store.rows(name for name in store.names if name not in store.faults)  # an unfinished one has no rows for some
    shape = (store.shape[0], pca.components)
    writer = StoreWriter(
        folder,
        store.names,
        shape,
        encoder=encoder or store.encoder,
        precision=store.precision,
        pca=pca.identity,
        mirrored=store.mirrored,
        contents=[store.contents.get(row) for row in range(len(store.names))],
    )
    total = len(store.names)
    done = total - len(writer.todo)
    with progress_bar(show=progress, total=total, done=done, unit="photo", description=folder.name) as bar:
        for start in range(0, len(writer.todo), 64):
            rows = writer.todo[start : start + 64]
            good = [row for row in rows if store.names[row] in store]
            faults = {row: store.faults[store.names[row]] for row in rows if row not in good}
            # each photo by itself: its numbers must not depend on where a run was stopped
            writer.write({row: pca(store.features[row]) for row in good}, faults)
            bar.update(len(rows))
    return FeatureStore(folder)
