"""Where a decoder's weights begin: at another language's, as far as they are about photos and grammar's machinery."""

from pathlib import Path

from polycap.decoder.base import Decoder
from polycap.decoder.pack import DECODER, load_pack, named_weights, read_card
from polycap.errors import TrainingError

__all__ = ["start_from", "start_identity"]


def start_from(decoder: Decoder, folder: Path) -> None:
    """Give `decoder` the weights of the pack in `folder`, but for those that belong to its tokens.

    Raises:
        PackError: there is no pack, or it is broken.
        TrainingError: its decoder is of another kind or size.
    """
    other = load_pack(folder).decoder
    theirs, ours = (
        {name: value for name, value in named_weights(model).items() if name not in model.token_weights}
        for model in (other, decoder)
    )
    if {name: value.shape for name, value in theirs.items()} != {name: value.shape for name, value in ours.items()}:
        raise TrainingError(
            f"{folder}: its decoder is of another kind or size; "
            "train with the settings that its card names, or start from nothing"
        )
    for name, variable in ours.items():
        variable.assign(theirs[name])


def start_identity(folder: Path, encoder: str, pca: str | None) -> str:
    """The hash of the decoder's weights in a pack.

    Raises:
        PackError: there is no pack.
        TrainingError: it learned from other features than those of `encoder` and `pca`.
    """
    card = read_card(folder)
    if (card.encoder, card.pca) != (encoder, pca):
        raise TrainingError(
            f"{folder}: learned from features of {card.encoder}, PCA {card.pca}; these are of {encoder}, PCA {pca}: "
            "make the features with its own PCA, or start from nothing"
        )
    return card.files[DECODER].sha256
