"""Decoder kinds by name."""

from polycap.decoder.attention import AttentionDecoder
from polycap.decoder.base import Decoder
from polycap.decoder.merge import MergeDecoder
from polycap.decoder.settings import DecoderSettings
from polycap.encoder.photo_layers import PhotoLayers
from polycap.machine.backend import require_float32
from polycap.machine.fork import require_same_process

__all__ = ["DECODERS", "build_decoder"]

DECODERS: dict[str, type[Decoder]] = {
    "attention": AttentionDecoder,
    "merge": MergeDecoder,
}


def build_decoder(settings: DecoderSettings, photo_layers: PhotoLayers | None = None) -> Decoder:
    """Build a decoder with random weights.

    Args:
        settings: kind, sizes and dropout rates.
        photo_layers: those of another decoder of the kind attention, to share them. (default: layers of its own)

    Raises:
        CaptionRuntimeError: this process was forked from one that had loaded Keras, or Keras makes layers of another
            type than float32 in it.
    """
    require_same_process()
    require_float32()
    decoder = AttentionDecoder(settings, photo_layers) if photo_layers else DECODERS[settings.kind](settings)
    decoder.build_weights()
    return decoder
