"""Numbers of a search that differ by language, apart from the decoder's weights. Does not import Keras."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.decoder.results import LOG_ZERO
from polycap.language.settings import DecodingSettings
from polycap.text.tokenizer import BOS, EOS, PAD, UNK

__all__ = ["candidates_per_beam", "search_constants"]


def search_constants(vocab_size: int, settings: DecodingSettings) -> dict[str, NDArray[Any]]:
    """Return the constants of a search, float32 but for `min_length`, by name.

    Returns:
        forbidden: what is added to each token's log-probability, `(vocab_size,)`.
        ending: what is added, too, while a caption is shorter than the least length, `(vocab_size,)`.
        min_length: the least length, tokens, int32.
        length_penalty: the exponent of the length.
        longest: what a caption of the full length is divided by.
    """
    forbidden, ending = np.zeros((2, vocab_size), dtype=np.float32)
    forbidden[[PAD, UNK, BOS]] = LOG_ZERO
    ending[EOS] = LOG_ZERO
    return {
        "forbidden": forbidden,
        "ending": ending,
        "min_length": np.array(settings.min_length, dtype=np.int32),
        "length_penalty": np.array(settings.length_penalty, dtype=np.float32),
        "longest": np.array(settings.max_length**settings.length_penalty, dtype=np.float32),
    }


def candidates_per_beam(vocab_size: int, settings: DecodingSettings) -> int:
    """Return how many tokens are looked at for each beam.

    They are enough for `beam_width` to remain beside `</s>` even if every earlier n-gram and the last token each forbid
    another one.
    """
    return min(settings.beam_width + 2 + settings.max_length, vocab_size)
