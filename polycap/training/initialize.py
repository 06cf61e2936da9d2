"""Where a decoder's weights begin: at another language's, as far as they are about photos and grammar's machinery; and
at how frequent each token is."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from polycap.decoder.base import Decoder
from polycap.decoder.settings import DecoderSettings
from polycap.decoder.shapes import photo_shapes
from polycap.decoder.weights import named_weights
from polycap.errors import TrainingError
from polycap.pack.card import DECODER, read_card
from polycap.pack.pack import load_pack
from polycap.text.tokenizer import EOS

__all__ = ["fix_photo_layers", "initial_pack_hash", "set_token_frequencies", "transfer_weights"]


def transfer_weights(decoder: Decoder, folder: Path, tokenizer: str) -> bool:
    """Give `decoder` the weights of the pack in `folder`: those that belong to tokens only if the tokens are the same.

    Returns:
        Whether they are: the pack's tokenizer has the identity `tokenizer`.

    Raises:
        PackError: there is no pack, or it is broken.
        TrainingError: its decoder is of another kind or size.
    """
    pack = load_pack(folder)
    same_tokens = pack.card.tokenizer == tokenizer
    theirs, ours = (
        {name: value for name, value in named_weights(model).items() if same_tokens or name not in model.token_weights}
        for model in (pack.decoder, decoder)
    )
    if {name: value.shape for name, value in theirs.items()} != {name: value.shape for name, value in ours.items()}:
        raise TrainingError(
            f"{folder}: its decoder is of another kind or size; "
            "train with the settings that its card names, or start from nothing"
        )
    for name, variable in ours.items():
        variable.assign(theirs[name])
    return same_tokens


def fix_photo_layers(decoder: Decoder, folder: Path) -> None:
    """Assign the photo layers of the pack in `folder` to `decoder`, and train them no further.

    Raises:
        PackError: there is no pack, or it is broken.
        TrainingError: one of the two decoders has no photo layers, or they are of another size.
    """
    pack = load_pack(folder)
    shapes = photo_shapes(decoder.settings)
    if not shapes or photo_shapes(pack.card.decoder) != shapes:
        ours, theirs = (_photo_sizes(settings) for settings in (decoder.settings, pack.card.decoder))
        raise TrainingError(
            f"{folder}: its photo layers are of {theirs}, the decoder's of {ours}; train with the settings that its "
            "card names, or with photo layers of its own"
        )
    weights = named_weights(pack.decoder)
    for name, variable in named_weights(decoder).items():
        if name in shapes:
            variable.assign(weights[name])
    decoder.photo_layers.trainable = False


def _photo_sizes(settings: DecoderSettings) -> str:
    return f"kind {settings.kind}, {settings.cells} cells, {settings.channels} channels and {settings.units} units"


def initial_pack_hash(folder: Path, encoder: str, pca: str | None) -> str:
    """The hash of the decoder's weights in a pack.

    Raises:
        PackError: there is no pack.
        TrainingError: it learned from other features than those of `encoder` and `pca`.
    """
    card = read_card(folder)
    if (card.encoder, card.pca) != (encoder, pca):
        raise TrainingError(
            f"{folder}: learned from features of {card.encoder}, PCA {card.pca}; these are of {encoder}, PCA {pca}: "
            f"make the features by its own PCA (`polycap features DATA --pca {folder}`), or start from nothing"
        )
    return card.files[DECODER].sha256


def set_token_frequencies(decoder: Decoder, captions: Iterable[list[int]]) -> None:
    """Let the decoder begin with each token as likely as it is in the captions, whatever the photo.

    It learns them anyway, but late: German's first epoch reached 14.7 dev BLEU-4 with this, 13.5 without.

    Reference: Karpathy and Fei-Fei (2015), "Deep Visual-Semantic Alignments", arXiv:1412.2306 (in their code).
    """
    if decoder.token_bias is None:
        return
    ids = np.fromiter((token for caption in captions for token in (*caption, EOS)), dtype=np.int64)
    counts = np.bincount(ids, minlength=decoder.settings.vocab_size) + 0.5  # half a time: what never occurred
    decoder.token_bias.assign(np.log(counts / counts.sum()).astype(np.float32))
