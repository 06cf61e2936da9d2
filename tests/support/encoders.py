"""Encoders' artefacts, small or with a whole random Xception. Loads no Keras."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.settings import DecoderSettings
from polycap.decoder.shapes import photo_shapes
from polycap.encoder.artefact import EncoderArtefact, save_artefact
from polycap.encoder.encoder_card import EncoderCard
from polycap.encoder.identity import SIZE, encoder_identity
from polycap.encoder.pca import FeaturePCA
from polycap.encoder.weight_files import tensors_hash

GRID, CELLS, CHANNELS, UNITS = 10, 4, 6, 16
"""Channels before the PCA, cells, channels after it, and units of the tiny artefact."""
TENSORS = [np.zeros(1, dtype=np.float32)]
"""Of the tiny artefact: its encoder is never computed."""
FEATURES = encoder_identity(tensors_hash(TENSORS))
"""Identity of the tiny artefact's cells."""
TERMS = "encoder: made up"
CARD = EncoderCard(data={}, terms=[TERMS], training={}, created="2020-02-02")


def make_pca(seed: int = 0, channels: int = GRID, components: int = CHANNELS) -> FeaturePCA:
    """A PCA of random numbers."""
    generator = np.random.default_rng(seed)
    mean, basis = (generator.normal(size=size).astype(np.float32) for size in (channels, (channels, components)))
    return FeaturePCA(mean, basis, 0.5)


def make_photo_layers(
    cells: int = CELLS, channels: int = CHANNELS, units: int = UNITS, seed: int = 0
) -> dict[str, NDArray[np.float32]]:
    """Photo layers of random numbers."""
    settings = DecoderSettings(vocab_size=30, cells=cells, channels=channels, units=units)
    generator = np.random.default_rng(seed)
    return {
        name: generator.normal(size=shape, scale=(shape[0] if len(shape) > 1 else 4) ** -0.5).astype(np.float32)
        for name, shape in photo_shapes(settings).items()
    }


def make_encoder(
    folder: Path,
    *,
    tensors: Sequence[NDArray[np.float32]] = TENSORS,
    pca: FeaturePCA | None = None,
    photo_layers: Mapping[str, Any] | None = None,
    cells: int = CELLS,
    units: int = UNITS,
) -> EncoderArtefact:
    """A finished artefact; what is not given is random, and fits."""
    pca = pca or make_pca()
    layers = photo_layers or make_photo_layers(cells, pca.components, units)
    return save_artefact(folder, CARD, list(tensors), pca=pca, photo_layers=layers)


class QuickEncoder:
    """An encoder that returns at once; what it returns still depends on the photo. `grid` may be replaced."""

    precision, size, cells = "f32", SIZE, 100

    def __init__(self, artefact: EncoderArtefact) -> None:
        self.artefact, self.identity = artefact, artefact.features
        self.blocks: tuple[int, ...] = (artefact.pca.channels,)
        self._colours = np.random.default_rng(0).normal(size=(3, artefact.pca.channels)).astype(np.float32)

    def grid(self, photos: Any) -> Any:
        """A pixel of each of 10 × 10 cells, times random numbers."""
        cells = photos[:, 15::30, 15::30].reshape(len(photos), self.cells, 3)
        return (cells / np.float32(255)) @ self._colours
