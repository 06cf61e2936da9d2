"""Uyghur letters, for the Arabic and Persian ones that other keyboards type, and hamza as part of its seat.

Left as they are: Persian ی, which may stand for the vowel ى or the consonant ي, and Arabic ي for ى.
"""

_LETTERS = str.maketrans({"ک": "ك", "ڪ": "ك", "ه": "ە", "ہ": "ھ", "ۀ": "ە", "\u200c": None, "\u200d": None})
_SEAT_AND_HAMZA = ("\u0649\u0654", "\u06cc\u0654")


def normalize(text: str) -> str:
    """`text` with one letter for each; ە needs no joiner after it."""
    for pair in _SEAT_AND_HAMZA:
        text = text.replace(pair, "\u0626")
    return text.translate(_LETTERS)
