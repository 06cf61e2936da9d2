"""Captions in a language without a pack: captions of another language, translated.

Most studies found captions of a decoder trained in the language itself to be better. `polycap evaluate --via` compares
both.
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
    """Captioner that translates another language's captions.

    Args:
        language: language of the captions.
        source: captioner of the source language; its pack, encoder and runtime are also this captioner's.
        translator: translator from the source language into `language`.
    """

    def __init__(self, language: Language, source: Captioner, translator: Translator) -> None:
        # Captioner.__init__ would open a second search with the same pack
        self.language, self.pack, self.encoder, self.runtime = language, source.pack, source.encoder, source.runtime
        self._source, self._translator = source, translator
        self.translated_by = f"{source.language.code}:{translator.identity}"

    def reduce(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """See `Captioner.reduce`."""
        return self._source.reduce(grid)

    def decode_reduced(self, features: NDArray[Any], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """See `Captioner.decode_reduced`; `source` of each candidate is the text before the translation."""
        per_photo = self._source.decode_reduced(features, n_best)
        texts = list(dict.fromkeys(candidate.text for candidates in per_photo for candidate in candidates))
        translated = dict(zip(texts, self._translate(texts), strict=True))
        return [
            tuple(
                replace(candidate, text=translated[candidate.text], source=candidate.text) for candidate in candidates
            )
            for candidates in per_photo
        ]

    def attention(self, photo: Photograph, text: str) -> "list[AttentionMap]":
        """See `Captioner.attention`; `text` is a text before its translation."""
        return self._source.attention(photo, text)

    def _translate(self, texts: Sequence[str]) -> list[str]:
        """Translate captions as sentences with a capital and a full stop, which engines were trained on."""
        sentences = [f"{text[:1].upper()}{text[1:]}." for text in texts]
        return [" ".join(translation.text.split()) for translation in self._translator.translate(sentences)]
