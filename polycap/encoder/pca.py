"""Reduction of the channels of a cell by principal component analysis, fitted on train photos."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from polycap.errors import FeatureStoreError
from polycap.files.tensors import parse_tensors, save_tensors

__all__ = ["PCA_FILE", "FeaturePCA", "block_places", "join_blocks"]

PCA_FILE = "pca.safetensors"
"""File name, where the encoder's features are first made."""

LARGEST = 8192
"""Maximum number of channels before or after the map: as many as a decoder may have."""


class FeaturePCA:
    """Affine map of cells: `(…, channels) → (…, components) float32`, centred, of mean square 1.

    Each kind of channels has its own components: the basis is block diagonal.

    Attributes:
        mean: `(channels,) float32`.
        basis: `(channels, components) float32`, principal axes times one scale per block.
        variance: share of the first block's variance that its components explain, 0 to 1.
        blocks: channels and components of each block. (default: one block)
        places: rows and columns of each block in the basis.
        offset: image of the mean, `(components,) float32`.
    """

    def __init__(
        self,
        mean: NDArray[np.float32],
        basis: NDArray[np.float32],
        variance: float,
        blocks: Sequence[tuple[int, int]] = (),
    ) -> None:
        # Rounded to the precision of a pack, so that stored and fitted maps are equal bit by bit.
        self.mean = mean.astype(np.float16).astype(np.float32)
        self.basis = basis.astype(np.float16).astype(np.float32)
        self.variance = variance
        self.blocks = tuple(blocks) or ((int(basis.shape[0]), int(basis.shape[1])),)
        self.places = block_places(self.blocks)
        self.offset = self.mean @ self.basis

    @property
    def channels(self) -> int:
        """Number of channels before the map, which are the first ones of a cell."""
        return int(self.mean.size)

    @property
    def components(self) -> int:
        """Number of channels after the map."""
        return int(self.basis.shape[1])

    @property
    def identity(self) -> str:
        """Hash of mean and basis."""
        content = self.mean.astype("<f2").tobytes() + self.basis.astype("<f2").tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    def __call__(self, grid: NDArray[np.float32] | NDArray[np.float16]) -> NDArray[np.float32]:
        """Map `(…, channels)` to `(…, components) float32`; further channels are ignored."""
        flat = np.asarray(grid[..., : self.channels], dtype=np.float32).reshape(-1, self.channels)
        reduced = np.empty((len(flat), self.components), dtype=np.float32)
        for rows, columns in self.places:
            np.matmul(flat[:, rows], self.basis[rows, columns], out=reduced[:, columns])
        reduced -= self.offset
        return reduced.reshape(*grid.shape[:-1], self.components)

    def save(self, path: Path) -> None:
        """Write the map as float16 safetensors, atomically; each of several blocks is a tensor."""
        basis = self.basis.astype(np.float16)
        tensors = {"mean": self.mean.astype(np.float16)}
        for number, (rows, columns) in enumerate(self.places):
            name = f"basis{number}" if len(self.blocks) > 1 else "basis"
            tensors[name] = np.ascontiguousarray(basis[rows, columns])
        save_tensors(path, tensors, {"variance": repr(self.variance)})

    @classmethod
    def load(cls, path: Path) -> "FeaturePCA":
        """Read a file of `save`.

        Raises:
            FeatureStoreError: the file is missing or broken.
        """
        try:
            return cls.from_bytes(path.read_bytes())
        except OSError as error:
            raise FeatureStoreError(f"{path}: is no PCA of polycap's ({error.strerror}); make it again") from error
        except FeatureStoreError as error:
            raise FeatureStoreError(f"{path}: {error}; make it again") from error

    @classmethod
    def from_bytes(cls, content: bytes) -> "FeaturePCA":
        """Parse the bytes of a file of `save`.

        Raises:
            FeatureStoreError: the bytes are no PCA.
        """
        try:
            tensors, metadata = parse_tensors(content)
            variance, mean = float(metadata.get("variance", "nan")), tensors["mean"]
            parts = [tensors[name] for name in sorted(tensors) if name.startswith("basis")]
            shapes = [part.shape for part in parts]
            # An untrusted small file may describe a block-diagonal matrix that is larger than memory.
            fits = mean.ndim == 1 and parts and all(len(shape) == 2 and all(shape) for shape in shapes)
            rows, columns = np.sum(shapes, axis=0).tolist() if fits else (0, 0)
            if not fits or rows != mean.size or max(rows, columns) > LARGEST:
                raise ValueError(f"mean {mean.shape} and bases {shapes[:9]}")
            return cls(mean, join_blocks(parts), variance, shapes)
        except (SafetensorError, ValueError, KeyError) as error:
            raise FeatureStoreError(f"is no PCA of polycap's ({error})") from error


def block_places(blocks: Sequence[tuple[int, int]]) -> list[tuple[slice, slice]]:
    """Return the rows and columns of blocks of these shapes along the diagonal."""
    ends = np.cumsum([(0, 0), *blocks], axis=0).tolist()
    return [(slice(top, bottom), slice(left, right)) for (top, left), (bottom, right) in pairwise(ends)]


def join_blocks(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the matrix with these blocks along its diagonal."""
    shapes = [part.shape for part in parts]
    joined = np.zeros(np.sum(shapes, axis=0), dtype=parts[0].dtype)
    for place, part in zip(block_places(shapes), parts, strict=True):
        joined[place] = part
    return joined


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
