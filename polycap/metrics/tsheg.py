"""Tokenizer of Tibetan for BLEU: a word is a syllable, what a tsheg or a space ends.

Tibetan writes no spaces between words, and sacreBLEU has no tokenizer for it. Syllables are what its writing parts, and
need no dictionary; scores of words are not comparable.
"""

from sacrebleu.tokenizers.tokenizer_base import BaseTokenizer

__all__ = ["TokenizerTsheg"]

_TSHEG, _TSHEG_WITHOUT_BREAK = "\u0f0b", "\u0f0c"
_SHADS = "\u0f0d\u0f0e\u0f0f\u0f10\u0f11\u0f14"
_BETWEEN_SYLLABLES = str.maketrans({_TSHEG: " ", _TSHEG_WITHOUT_BREAK: " "} | {shad: f" {shad} " for shad in _SHADS})


class TokenizerTsheg(BaseTokenizer):
    """Tokenizer in the form of sacreBLEU's own."""

    def signature(self) -> str:
        """Return the tokenizer's name in a score's signature."""
        return "tsheg"

    def __call__(self, line: str) -> str:
        """Return `line` with spaces between syllables, and around shads, which are words of their own."""
        return " ".join(line.translate(_BETWEEN_SYLLABLES).split())
