"""Captions that are not clean: HTML, and text that was encoded twice."""

import html
import re

__all__ = ["clean_caption", "has_word"]

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_INLINE_TAG = re.compile(r"</?(?:a|b|em|font|i|mark|s|small|span|strong|sub|sup|u)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BLOCK_TAG = re.compile(
    r"</?(?:body|br|center|dd|div|dl|dt|h[1-6]|hr|html|img|li|ol|p|table|tbody|td|th|tr|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)


def _read_as_windows(number: int) -> str:
    """Return the character that a byte is in Windows-1252, where it is one, else in Latin-1."""
    byte = bytes([number])
    try:
        return byte.decode("cp1252")
    except UnicodeDecodeError:
        return byte.decode("latin-1")


_BYTES = {_read_as_windows(number): number for number in range(0x80, 0x100)}
_QUOTES = "“”‘’«»‹›…–—"
_TWICE = re.compile(f"[{re.escape(''.join(_BYTES))}]{{2,}}")


def has_word(text: str) -> bool:
    """Return whether a text has a letter or a digit, of any script."""
    return any(character.isalnum() for character in text)


def clean_caption(text: str) -> tuple[str, str]:
    """Return a caption without HTML and without characters that were encoded twice, and what was wrong with it.

    `&amp;` becomes `&`, `<b>` goes, and `MÃ¤dchen`, which is UTF-8 that was read as Windows-1252, becomes `Mädchen`.
    What was wrong is empty if nothing was.
    """
    plain = _ENTITY.sub(lambda match: html.unescape(match[0]), _ENTITY.sub(lambda match: html.unescape(match[0]), text))
    plain = _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", plain))
    plain = " ".join(plain.split()) if plain != text else text
    decoded = _TWICE.sub(_decode, plain)
    wrong = ["HTML"] * (plain != text) + ["text that was encoded twice"] * (decoded != plain)
    return decoded, " and ".join(wrong)


def _decode(match: re.Match[str]) -> str:
    """Return the text of a run of characters if they are the bytes of UTF-8, else the run."""
    run = match[0]
    # "CAFÉ”" ends in two such characters, too
    if len(run) == 2 and run[1] in _QUOTES and match.string[: match.start()][-1:].isupper():
        return run
    try:
        return bytes(_BYTES[character] for character in run).decode()
    except UnicodeDecodeError:
        return run
