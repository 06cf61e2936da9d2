"""Helpers of the tests in tests/pack."""

from pathlib import Path

import numpy as np

from polycap.decoder.weights import named_weights
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import CELLS
from polycap.files import packs_folder
from polycap.pack.pack import save_pack
from polycap.text.tokenizer import Tokenizer
from tiny import KINDS, make_card, make_decoder

SCORES = {"split": "dev", "references_origin": "human", "signature": "s|text:raw|refs:human", "photos": 2}
SCORES |= dict.fromkeys(("bleu1", "bleu2", "bleu3", "bleu4", "chrf"), 1.0)


def make_pack(folder: Path, tokenizer: Tokenizer, encoder: EncoderArtefact, *, seed: int = 0) -> Path:
    """A pack that reads what Xception gives."""
    decoder = make_decoder(KINDS[0], seed=seed, vocab_size=tokenizer.vocab_size, cells=CELLS)
    weights = {name: np.asarray(variable) for name, variable in named_weights(decoder).items()}
    save_pack(folder, make_card(decoder, tokenizer, encoder), weights, tokenizer)
    return folder


def visible() -> list[str]:
    """What lies beside the lock where packs are installed."""
    place = packs_folder()
    return sorted(path.name for path in place.iterdir() if path.name != ".lock") if place.exists() else []


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
