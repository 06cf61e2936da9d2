"""Options of captioners, made once where they are parsed and handed on whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polycap.language.settings import DecodingSettings

__all__ = ["CaptionerOptions"]


@dataclass(frozen=True)
class CaptionerOptions:
    """Options of the captioners of one command, service or script.

    Attributes:
        beam: width of the beam search, 1 is greedy. (default: each language's own, or `n_best` if that is more)
        n_best: captions per photo and language that the search must be wide enough for. (default: 1)
        pack: folder of a pack other than the language's own. (default: the language's own)
        encoder_weights: file of the encoder's weights. (default: where `find_weights` finds them)
        via: code of a language to write captions in and to translate from, for languages without a decoder.
            (default: none)
        always_via: translate for the languages with a decoder, too. (default: False)
        runtime: openvino, keras or auto. (default: `POLYCAP_RUNTIME`, else auto)
        precision: f32, bf16, int8 or auto, of the encoder. (default: `POLYCAP_PRECISION`, else auto)
        reference: with runtime auto, prefer Keras: for scores that are compared with others. (default: False)
    """

    beam: int | None = None
    n_best: int = 1
    pack: Path | None = None
    encoder_weights: Path | None = None
    via: str | None = None
    always_via: bool = False
    runtime: str | None = None
    precision: str | None = None
    reference: bool = False

    def decoding(self, own: "DecodingSettings") -> "DecodingSettings":
        """Return a language's own settings of the search, with the width that is asked for."""
        return own.model_copy(update={"beam_width": self.beam or max(own.beam_width, self.n_best)})
