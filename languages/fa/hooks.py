"""Arabic ي and ك, as other keyboards type them, for Persian ی and ک."""

_LETTERS = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک"})


def normalize(text: str) -> str:
    """`text` with one letter for each."""
    return text.translate(_LETTERS)
