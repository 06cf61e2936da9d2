"""A tiny exit flow, activations that show which words a photo has, and runs of its tuning."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.encoder.exit_flow import TENSORS
from polycap.encoder.layers import SHAPES
from polycap.features.store import FeatureStore, StoreWriter

CELLS, WIDTHS = 361, {728: 4, 1024: 6, 1536: 6, 2048: 8}


def tiny_exit_flow() -> list[NDArray[np.float32]]:
    """Return the 29 tensors of Xception's exit flow, with few channels, random kernels and no normalisation."""
    generator = np.random.default_rng(0)
    shapes = [tuple(WIDTHS.get(size, size) for size in shape) for shape in SHAPES[-TENSORS:]]
    tensors = [generator.normal(size=shape, scale=0.6).astype(np.float32) for shape in shapes]
    for place, tensor in enumerate(tensors):
        if tensor.ndim == 1:  # gamma, beta, mean, variance
            first = next(p for p in range(place, -1, -1) if tensors[p].ndim == 4) + 1
            tensor[:] = (1, 0, 0, 1)[place - first]
    return tensors


def activation_stores(folder: Path, names: list[str], train: list[str]) -> list[FeatureStore]:
    """Return a plain and a mirrored store of random activations."""
    generator = np.random.default_rng(1)
    stores = []
    for view, kept in (("plain", names), ("mirrored", train)):
        options: dict[str, Any] = {"encoder": "tiny", "mirrored": view == "mirrored"}
        values = generator.normal(size=(len(kept), CELLS, WIDTHS[728])).astype(np.float16)
        StoreWriter(folder / view, kept, values.shape[1:], **options).write(dict(enumerate(values)), {})
        stores.append(FeatureStore(folder / view))
    return stores
