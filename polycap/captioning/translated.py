"""Captions in a language without a decoder: written in another language, then translated.

Most studies found captions that are learned in the language itself to be better than translated ones; this is for
where there are none, and for comparing the two (`polycap evaluate --via`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polycap.captioning.caption import Candidate
from polycap.captioning.captioner import Captioner
from polycap.language import Language
from polycap.photos.load import Photograph
from polycap.translation.engine import Translator

if TYPE_CHECKING:
    from polycap.captioning.attention import AttentionMap

__all__ = ["TranslatedCaptioner"]


class TranslatedCaptioner(Captioner):
    """Captions by another language's captioner, in translation.

    Args:
        language: the language of the captions.
        source: the captioner whose captions are translated; its pack and encoder count as this one's.
        translator: from its language into `language`.
    """

    def __init__(self, language: Language, source: Captioner, translator: Translator) -> None:
        # not Captioner's, which would open a second search over the same pack
        self.language, self.pack, self.encoder, self.runtime = language, source.pack, source.encoder, source.runtime
        self._source, self._translator = source, translator
        self.translated_by = f"{source.language.code}:{translator.identity}"

    def reduce(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """See `Captioner.reduce`."""
        return self._source.reduce(grid)

    def decode_reduced(self, features: NDArray[Any], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """Return translated candidates from reduced features; `source` of each is the caption before that."""
        found = self._source.decode_reduced(features, n_best)
        texts = list(dict.fromkeys(candidate.text for candidates in found for candidate in candidates))
        translated = dict(zip(texts, self._translate(texts), strict=True))
        return [tuple(replace(c, text=translated[c.text], source=c.text) for c in candidates) for candidates in found]

    def attention(self, photo: Photograph, text: str) -> "list[AttentionMap]":
        """See `Captioner.attention`; `text` is a caption before its translation."""
        return self._source.attention(photo, text)

    def _translate(self, texts: Sequence[str]) -> list[str]:
        """Engines know sentences as people write them, not as decoders do: with a capital and a full stop."""
        sentences = [f"{text[:1].upper()}{text[1:]}." for text in texts]
        return [" ".join(translation.text.split()) for translation in self._translator.translate(sentences)]
