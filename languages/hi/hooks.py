"""Hindi without joiners, which choose between two forms of the same letters: चप्‍पल for चप्पल.

A nukta needs no rule: NFC writes ड़ as two characters, however it was typed. Where writers leave it out (सफेद for सफ़ेद),
both spellings stay, since a nukta that is written is right.
"""

_JOINERS = str.maketrans({"\u200c": None, "\u200d": None})


def normalize(text: str) -> str:
    """`text` without joiners."""
    return text.translate(_JOINERS)
