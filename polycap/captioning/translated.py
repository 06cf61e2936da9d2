"""Captions in a language without a decoder: written in another language, then translated.

Most studies found captions that are learned in the language itself to be better than translated ones; this is for
where there are none, and for comparing the two (`polycap evaluate --via`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from polycap.captioning.captioner import Candidate, Captioner
from polycap.language import Language
from polycap.translation.engine import Translator

__all__ = ["TranslatedCaptioner"]


class TranslatedCaptioner(Captioner):
    """Captions by another language's decoder, in translation.

    Attributes:
        language: the language of the captions.
        via: the language that they are translated from.
        translator: what translates.
    """

    def __init__(self, language: Language, via: Captioner, translator: Translator) -> None:
        self.language, self.via, self.translator = language, via.language, translator
        self.pack, self.encoder, self._settings = via.pack, via.encoder, via._settings
        self._reduction, self._search = via._reduction, via._search

    def decode_reduced(self, features: NDArray[Any], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """Captions from reduced features, translated; `source` of each is the caption before that."""
        found = super().decode_reduced(features, n_best)
        texts = list(dict.fromkeys(candidate.caption for candidates in found for candidate in candidates))
        translated = dict(zip(texts, self._translate(texts), strict=True))
        return [
            tuple(replace(c, caption=translated[c.caption], source=c.caption) for c in candidates)
            for candidates in found
        ]

    def _translate(self, texts: Sequence[str]) -> list[str]:
        """Engines know sentences as people write them, not as decoders do: with a capital and a full stop."""
        sentences = [f"{text[:1].upper()}{text[1:]}." for text in texts]
        return [" ".join(translation.text.split()) for translation in self.translator.translate(sentences)]
