"""Options of captioners, constructed once and passed on as one object."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polycap.language.settings import DecodingSettings

__all__ = ["CaptionerOptions"]


@dataclass(frozen=True)
class CaptionerOptions:
    """Options of the captioners of a command, service or script.

    Attributes:
        beam: width of the beam search; 1 is greedy search. (default: the language's own, at least `n_best`)
        n_best: number of candidates that the search must find at least. (default: 1)
        pack: folder of a pack other than the language's own. (default: the language's own)
        encoder: folder of the encoder's artefact. (default: `POLYCAP_ENCODER`, else the shipped one)
        via: code of the language to translate captions from, for languages without a pack. (default: none)
        always_via: whether to translate for languages with a pack, too. (default: False)
        runtime: openvino, keras or auto. (default: `POLYCAP_RUNTIME`, else auto)
        precision: precision of the encoder: f32, bf16, int8 or auto. (default: `POLYCAP_PRECISION`, else auto)
        reference: whether runtime auto tries Keras first, for scores that are compared with others. (default: False)
    """

    beam: int | None = None
    n_best: int = 1
    pack: Path | None = None
    encoder: Path | None = None
    via: str | None = None
    always_via: bool = False
    runtime: str | None = None
    precision: str | None = None
    reference: bool = False

    def decoding(self, own: "DecodingSettings") -> "DecodingSettings":
        """Return a language's settings of the search, with the width of these options."""
        return own.model_copy(update={"beam_width": self.beam or max(own.beam_width, self.n_best)})
