"""Arabic ي, ك and ه, as other keyboards type them, for Urdu ی, ک and ہ."""

_LETTERS = str.maketrans({"ي": "ی", "ك": "ک", "ه": "ہ"})


def normalize(text: str) -> str:
    """`text` with one letter for each."""
    return text.translate(_LETTERS)
