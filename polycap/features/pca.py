"""Fewer channels per cell: a principal component analysis fitted on train photos."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tqdm import tqdm

from polycap.errors import FeatureStoreError
from polycap.features.store import FeatureStore, StoreWriter
from polycap.files import atomic_path

__all__ = ["PCA_FILE", "FeaturePCA", "fit_pca", "reduce_store"]

PCA_FILE = "pca.safetensors"
"""In a folder of features, and in a pack."""

LARGEST = 8192
"""Channels before or after the map, at most: as many as a decoder may have."""


class FeaturePCA:
    """An affine map of cells: `(…, channels) → (…, components) float32`, centred, of mean square 1.

    Channels of several kinds have components of their own: then the basis is of blocks, and zero elsewhere.

    Attributes:
        mean: `(channels,) float32`.
        basis: `(channels, components) float32`, principal axes times one scale a block.
        variance: the share of the first block's variance that its components keep, 0–1.
        blocks: channels and components of each block.
        places: the rows and columns of the basis where each block lies.
        offset: what the mean is mapped to, `(components,) float32`.
    """

    def __init__(
        self,
        mean: NDArray[np.float32],
        basis: NDArray[np.float32],
        variance: float,
        blocks: Sequence[tuple[int, int]] = (),
    ) -> None:
        # Kept at the precision in which a pack stores it, so that stored and freshly fitted maps agree to the bit.
        self.mean = mean.astype(np.float16).astype(np.float32)
        self.basis = basis.astype(np.float16).astype(np.float32)
        self.variance = variance
        self.blocks = tuple(blocks) or ((int(basis.shape[0]), int(basis.shape[1])),)
        self.places = _places(self.blocks)
        self.offset = self.mean @ self.basis

    @property
    def channels(self) -> int:
        """Channels before the map: the first ones of a cell."""
        return int(self.mean.size)

    @property
    def components(self) -> int:
        """Channels after the map."""
        return int(self.basis.shape[1])

    @property
    def identity(self) -> str:
        """A hash of the map's numbers."""
        content = self.mean.astype("<f2").tobytes() + self.basis.astype("<f2").tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    def __call__(self, grid: NDArray[np.float32] | NDArray[np.float16]) -> NDArray[np.float32]:
        """Map `(…, channels)` to `(…, components) float32`; channels beyond the map's own are not read."""
        flat = np.asarray(grid[..., : self.channels], dtype=np.float32).reshape(-1, self.channels)
        reduced = np.empty((len(flat), self.components), dtype=np.float32)
        for rows, columns in self.places:  # outside of them the basis is zeros
            np.matmul(flat[:, rows], self.basis[rows, columns], out=reduced[:, columns])
        reduced -= self.offset
        return reduced.reshape(*grid.shape[:-1], self.components)

    def save(self, path: Path) -> None:
        """Write the map as float16 safetensors, atomically: of several blocks each is a tensor."""
        basis = self.basis.astype(np.float16)
        tensors = {"mean": self.mean.astype(np.float16)}
        for number, (rows, columns) in enumerate(self.places):
            name = f"basis{number}" if len(self.blocks) > 1 else "basis"
            tensors[name] = np.ascontiguousarray(basis[rows, columns])
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={"variance": repr(self.variance)})

    @classmethod
    def load(cls, path: Path) -> "FeaturePCA":
        """Read what `save` wrote.

        Raises:
            FeatureStoreError: the file is missing or broken.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                variance = float((file.metadata() or {}).get("variance", "nan"))
                mean = file.get_tensor("mean")
                parts = [file.get_tensor(name) for name in sorted(file.keys()) if name.startswith("basis")]
            shapes = [part.shape for part in parts]
            # A stranger's file may be small and its matrix, which is zeros beside the blocks, larger than memory.
            fits = mean.ndim == 1 and parts and all(len(shape) == 2 and all(shape) for shape in shapes)
            rows, columns = np.sum(shapes, axis=0).tolist() if fits else (0, 0)
            if not fits or rows != mean.size or max(rows, columns) > LARGEST:
                raise ValueError(f"mean {mean.shape} and bases {shapes[:9]}")
            if not all(np.isfinite(numbers).all() for numbers in (mean, *parts)):
                raise ValueError("numbers that are none")
            return cls(mean, _join(parts), variance, shapes)
        except (OSError, SafetensorError, ValueError, TypeError, AttributeError) as error:
            raise FeatureStoreError(f"{path}: is no PCA of polycap's ({error}); make it again") from error


def _places(blocks: Sequence[tuple[int, int]]) -> list[tuple[slice, slice]]:
    """Where blocks of these shapes lie, one after the other along the diagonal."""
    ends = np.cumsum([(0, 0), *blocks], axis=0).tolist()
    return [(slice(top, bottom), slice(left, right)) for (top, left), (bottom, right) in pairwise(ends)]


def _join(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The matrix that has these blocks along its diagonal."""
    shapes = [part.shape for part in parts]
    joined = np.zeros(np.sum(shapes, axis=0), dtype=parts[0].dtype)
    for place, part in zip(_places(shapes), parts, strict=True):
        joined[place] = part
    return joined


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
    for (rows, _), (_, count) in zip(_places(shapes), shapes, strict=True):
        axes, variances = _principal_axes(sample[:, rows], mean[rows])
        bases.append(axes[:, :count] * np.sqrt(count / variances[:count].sum()))
        shares.append(float(variances[:count].sum() / variances.sum()))
    return FeaturePCA(mean, _join(bases), shares[0], shapes)


def _principal_axes(sample: NDArray[np.float32], mean: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The axes `(channels, channels)`, one a column, and the variances `(channels,)` along them; the largest first.

    Of `(cells, channels)`, by the eigenvectors of their covariance. They are not centred beforehand,
    which would take a copy. An axis' largest number is positive, so that its direction does not depend on the solver.
    """
    covariance = sample.T @ sample
    covariance -= len(sample) * mean[:, None] * mean
    covariance /= len(sample) - 1
    variances, axes = np.linalg.eigh(covariance)  # the smallest first
    variances, axes = variances[::-1].clip(0.0), axes[:, ::-1]  # rounding may leave one just below zero
    largest = np.abs(axes).argmax(axis=0, keepdims=True)
    return axes * np.sign(np.take_along_axis(axes, largest, axis=0)), variances


def reduce_store(
    store: FeatureStore, pca: FeaturePCA, folder: Path, *, encoder: str = "", progress: bool = True
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
    with tqdm(
        total=total,
        initial=total - len(writer.todo),
        unit="photo",
        desc=folder.name,
        disable=None if progress else True,  # None: off where stderr is no terminal
    ) as bar:
        for start in range(0, len(writer.todo), 64):
            rows = writer.todo[start : start + 64]
            good = [row for row in rows if store.names[row] in store]
            faults = {row: store.faults[store.names[row]] for row in rows if row not in good}
            # each photo by itself: its numbers must not depend on where a run was stopped
            writer.write({row: pca(store.features[row]) for row in good}, faults)
            bar.update(len(rows))
    return FeatureStore(folder)
