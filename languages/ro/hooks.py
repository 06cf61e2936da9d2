"""Ş and Ţ with a cedilla, as old keyboards typed them, for Ș and Ț with a comma below."""

_LETTERS = str.maketrans({"ş": "ș", "ţ": "ț", "Ş": "Ș", "Ţ": "Ț"})


def normalize(text: str) -> str:
    """`text` with one letter for each."""
    return text.translate(_LETTERS)
