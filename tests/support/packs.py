"""Helpers of the tests in tests/pack."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polycap.decoder.base import Decoder
from polycap.decoder.weights import named_weights
from polycap.encoder.pca import FeaturePCA
from polycap.pack.card import Card
from polycap.pack.pack import save_pack
from polycap.text.tokenizer import Tokenizer
from tiny import make_card, make_decoder

GRID = 10  # channels before the PCA


@dataclass(frozen=True)
class Parts:
    """What a pack is made of."""

    decoder: Decoder
    tokenizer: Tokenizer
    pca: FeaturePCA

    @property
    def card(self) -> Card:
        return make_card(self.decoder, self.tokenizer, self.pca)

    @property
    def weights(self) -> dict[str, Any]:
        return {name: np.asarray(v) for name, v in named_weights(self.decoder).items()}

    def save(self, folder: Path) -> Card:
        return save_pack(folder, self.card, self.weights, self.tokenizer, self.pca)


def make_parts(kind: str, tokenizer: Tokenizer) -> Parts:
    generator = np.random.default_rng(0)
    mean, basis = (generator.normal(size=size).astype(np.float32) for size in (GRID, (GRID, 6)))
    decoder = make_decoder(kind, vocab_size=tokenizer.vocab_size)
    return Parts(decoder, tokenizer, FeaturePCA(mean, basis, 0.5))
