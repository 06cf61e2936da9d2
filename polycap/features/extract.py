"""Extract features: encode photo files into a feature store. Threads decode photos while the encoder computes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.pca import FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import FeatureStoreError, PhotoError
from polycap.features.store import FeatureStore, StoreWriter
from polycap.files import sha256_file
from polycap.files.hashes import HashCache
from polycap.files.progress import progress_bar
from polycap.photos.batches import decode_batches

__all__ = ["extract_features"]


def extract_features(
    photos: Sequence[tuple[str, Path]],
    encoder: PhotoEncoder,
    folder: Path,
    *,
    mirrored: bool = False,
    pca: FeaturePCA | None = None,
    hashes: HashCache | None = None,
    progress: bool | None = None,
) -> FeatureStore:
    """Encode all photos that are not in the store yet.

    Args:
        photos: names and files of the photos; the names are the keys of the store.
        encoder: photo encoder; the store has its identity.
        folder: folder of the store, which is created or resumed.
        mirrored: whether to flip the photos horizontally, as a second view for training. (default: False)
        pca: PCA to reduce the cells with. (default: none)
        hashes: hashes of the photo files; photos whose files have changed are encoded again. (default: no such check)
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Returns:
        The store. Photos that can't be decoded are in its `faults`.

    Raises:
        FeatureStoreError: the folder has a store of other photos, of another encoder, precision or PCA; or photo files
            are missing or unreadable, which is raised after all other photos.
    """
    writer = StoreWriter(
        folder,
        [name for name, _ in photos],
        (encoder.cells, pca.components if pca else sum(encoder.blocks)),
        encoder=encoder.identity,
        precision=encoder.precision,
        pca=pca.identity if pca else None,
        mirrored=mirrored,
        contents=[hashes.get(path) for _, path in photos] if hashes else (),
    )
    missing = [(row, photos[row][1]) for row in writer.missing]
    done = len(photos) - len(missing)
    bar = progress_bar(show=progress, total=len(photos), done=done, unit="photo", description=folder.name)
    unreadable: list[str] = []
    with bar:
        for batch in decode_batches(missing, encoder.size):
            good = {row: pixels for row, pixels in batch if not isinstance(pixels, PhotoError)}
            bad = {row: str(pixels) for row, pixels in batch if isinstance(pixels, PhotoError)}
            faults = {row: reason for row, reason in bad.items() if _can_be_read(photos[row][1])}
            unreadable += [reason for row, reason in bad.items() if row not in faults]
            cells = _encode(encoder, list(good.values()), mirrored, pca) if good else []
            writer.write(dict(zip(good, cells, strict=True)), faults)
            bar.update(len(batch))
    if unreadable:  # no faults of the photos: their drive may be mounted again
        raise FeatureStoreError(
            f"{folder}: {len(unreadable)} photos can't be read now, first {unreadable[0]}; put them back "
            "or remove them from the dataset, and run this again; the other photos are encoded"
        )
    return FeatureStore(folder)


def _encode(
    encoder: PhotoEncoder, photos: Sequence[NDArray[np.uint8]], mirrored: bool, pca: FeaturePCA | None
) -> list[NDArray[Any]]:
    """Encode photos; return `(cells, channels)` of each."""
    pixels = np.stack(photos)
    grids = encoder.grid(pixels[:, :, ::-1] if mirrored else pixels)
    # one photo at a time, as `reduce_store` does, for equal bits
    return [pca(grid) if pca else grid for grid in grids]


def _can_be_read(path: Path) -> bool:
    try:
        sha256_file(path)
    except OSError:
        return False
    return True
