"""From photo files to a feature store: photos are decoded in threads while the encoder computes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.pca import FeaturePCA
from polycap.encoder.protocol import PhotoEncoder, maker_of
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
    """Encode every photo that the store in `folder` does not have yet.

    Args:
        photos: names and files; the names are the store's keys.
        encoder: the encoder; the store carries its identity.
        folder: the store; it is made, or gone on with.
        mirrored: encode the photos flipped left to right (a second view for training).
        pca: store the cells reduced by it.
        hashes: with it, photos whose files are other ones than those that were encoded are encoded again.
        progress: draw a bar on stderr, when that is a terminal.

    Returns:
        The store. Photos that can't be decoded are in its `faults`.

    Raises:
        FeatureStoreError: the folder holds a store of other photos, of another encoder, precision or PCA; or photos'
            files are not there or may not be read, which is told when all others are done.
    """
    writer = StoreWriter(
        folder,
        [name for name, _ in photos],
        (encoder.cells, pca.components if pca else sum(encoder.blocks)),
        encoder=maker_of(pca.channels, encoder) if pca else encoder.identity.whole,
        precision=encoder.precision,
        pca=pca.identity if pca else None,
        mirrored=mirrored,
        contents=[hashes.get(path) for _, path in photos] if hashes else (),
    )
    todo = [(row, photos[row][1]) for row in writer.todo]
    done = len(photos) - len(todo)
    bar = progress_bar(show=progress, total=len(photos), done=done, unit="photo", description=folder.name)
    away: list[str] = []
    with bar:
        for batch in decode_batches(todo, encoder.size):
            good = {row: pixels for row, pixels in batch if not isinstance(pixels, PhotoError)}
            bad = {row: str(pixels) for row, pixels in batch if isinstance(pixels, PhotoError)}
            faults = {row: reason for row, reason in bad.items() if _can_be_read(photos[row][1])}
            away += [reason for row, reason in bad.items() if row not in faults]
            cells = _encode(encoder, list(good.values()), mirrored, pca) if good else []
            writer.write(dict(zip(good, cells, strict=True)), faults)
            bar.update(len(batch))
    if away:  # not the photos' fault: they may be on a drive that comes back
        raise FeatureStoreError(
            f"{folder}: {len(away)} photos can't be read now, first {away[0]}; put them back, or take them out of the "
            "dataset, and run this again: the others are done"
        )
    return FeatureStore(folder)


def _encode(
    encoder: PhotoEncoder, photos: Sequence[NDArray[np.uint8]], mirrored: bool, pca: FeaturePCA | None
) -> list[NDArray[Any]]:
    """Of each photo `(cells, channels)`."""
    pixels = np.stack(photos)
    grids = encoder.grid(pixels[:, :, ::-1] if mirrored else pixels)
    # each photo by itself, as `reduce_store` does: the same to the bit
    return [pca(grid) if pca else grid for grid in grids]


def _can_be_read(path: Path) -> bool:
    try:
        sha256_file(path)
    except OSError:
        return False
    return True
