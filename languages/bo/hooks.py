"""The tsheg in one form: U+0F0C, which forbids a line break after it, for U+0F0B."""


def normalize(text: str) -> str:
    """`text` with one tsheg."""
    return text.replace("\u0f0c", "\u0f0b")
