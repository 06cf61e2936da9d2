"""The decoder kinds, by name."""

from polycap.backend import require_float32
from polycap.decoder.attention import AttentionDecoder
from polycap.decoder.base import Decoder
from polycap.decoder.merge import MergeDecoder
from polycap.decoder.settings import DecoderSettings

__all__ = ["DECODERS", "build_decoder"]

DECODERS: dict[str, type[Decoder]] = {
    "attention": AttentionDecoder,
    "merge": MergeDecoder,
}


def build_decoder(settings: DecoderSettings) -> Decoder:
    """A decoder with random weights.

    Raises:
        CaptionRuntimeError: Keras makes layers of another type than float32 in this process.
    """
    require_float32()
    decoder = DECODERS[settings.kind](settings)
    decoder.build_weights()
    return decoder
