"""Helpers of the tests in tests/pack."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polycap.decoder.base import Decoder
from polycap.decoder.weights import named_weights
from polycap.encoder.artefact import EncoderArtefact
from polycap.pack.card import Card
from polycap.pack.pack import save_pack
from polycap.text.tokenizer import Tokenizer
from tiny import encoder_of, make_card, make_decoder


@dataclass(frozen=True)
class Parts:
    """What a pack is made of."""

    decoder: Decoder
    tokenizer: Tokenizer
    encoder: EncoderArtefact

    @property
    def card(self) -> Card:
        return make_card(self.decoder, self.tokenizer, self.encoder)

    @property
    def weights(self) -> dict[str, Any]:
        return {name: np.asarray(v) for name, v in named_weights(self.decoder).items()}

    def save(self, folder: Path) -> Card:
        return save_pack(folder, self.card, self.weights, self.tokenizer)


def make_parts(kind: str, tokenizer: Tokenizer, folder: Path) -> Parts:
    """Parts, and an encoder in `folder` that has the decoder's photo layers."""
    decoder = make_decoder(kind, vocab_size=tokenizer.vocab_size)
    return Parts(decoder, tokenizer, encoder_of(folder, decoder))
