"""Text normalisation: pure, idempotent, and the same for every script.

What counts as punctuation is decided by Unicode category (P and S), never by a ``\\w`` pattern, which would
take the vowel signs of Devanagari and Bengali for punctuation and tear words apart.
"""

import unicodedata
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["TextSettings", "normalize_text"]

JOINERS = "\u200c\u200d"  # ZWNJ and ZWJ: spelling in Persian, Hindi, Bengali, Sinhala, …

# Signs that part words even where no space stands beside them; brackets and dashes come by category below.
_WORD_BREAKS = frozenset("/\\|⁄∕_&+,;!?…،؛؟、，。；！？।॥፡።་།・")
# Marks that belong to an emoji (its presentation, its keycap) and mean nothing once the emoji is stripped.
_EMOJI_MARKS = frozenset("\ufe0e\ufe0f\u20e3")
_BREAK_CATEGORIES = frozenset({"Pd", "Ps", "Pe"})


def _is_invisible(code_point: int) -> bool:
    """Whether a reader can't see it and no spelling needs it, such as soft hyphens and direction marks."""
    return (
        code_point in (0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0xFEFF)
        or 0x202A <= code_point <= 0x202E
        or 0x2060 <= code_point <= 0x206F
        or 0xD800 <= code_point <= 0xDFFF  # lone surrogates: no text, can't be encoded
        or 0xE0000 <= code_point <= 0xE007F
    )


def _clean(code_point: int) -> str:
    """What is written for a character in any text: itself, a space for a control, nothing if invisible."""
    if _is_invisible(code_point):
        return ""
    character = chr(code_point)
    return " " if unicodedata.category(character) == "Cc" else character


def _strip(code_point: int) -> str:
    """What is written for a character where punctuation is stripped."""
    character = _clean(code_point)
    if character in _WORD_BREAKS:
        return " "
    if character in _EMOJI_MARKS:
        return ""
    category = unicodedata.category(character) if character else "Cf"
    if category in _BREAK_CATEGORIES:
        return " "
    return "" if category[0] in "PS" else character


class _Table(dict[int, str]):
    """A `str.translate` table that looks each character up once and remembers it."""

    def __init__(self, *, strip: bool) -> None:
        super().__init__()
        self._write = _strip if strip else _clean

    def __missing__(self, code_point: int) -> str:
        written = self[code_point] = self._write(code_point)
        return written


_CLEAN_TABLE = _Table(strip=False)
_STRIP_TABLE = _Table(strip=True)


class TextSettings(BaseModel):
    """The `[text]` table of `language.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unicode_form: Literal["NFC", "NFD", "NFKC", "NFKD"] = Field(
        default="NFC", description="NFC, NFD, NFKC or NFKD, in quotes"
    )
    lowercase: bool = Field(default=True, description="true or false")
    casing: Literal["default", "turkic"] = Field(
        default="default", description='"default", or "turkic" where I is the capital of ı and İ that of i'
    )
    strip_punctuation: bool = Field(default=True, description="true or false")


def normalize_text(text: str, settings: TextSettings, *, raw: bool = False) -> str:
    """Bring `text` into the form that a language is learned and scored in.

    In order: Unicode form; lower case; punctuation and symbols (categories P and S); white space collapsed to
    single spaces. Dashes, slashes, brackets, commas and the like part words, so they become a space
    (``black-and-white`` → ``black and white``); apostrophes, quotes, full stops and the rest stand inside or
    at the end of words, so they vanish (``dog's`` → ``dogs``). Combining vowel signs and joiners are kept.
    Invisible characters (soft hyphen, zero-width space, direction marks) always vanish.

    Args:
        text: any text.
        settings: the language's `[text]` table.
        raw: keep case and punctuation; only Unicode form, invisible characters and white space are settled.
    """
    form = settings.unicode_form
    text = unicodedata.normalize(form, text)
    if settings.lowercase and not raw:
        text = _lower(text, settings.casing)
    table = _CLEAN_TABLE
    if settings.strip_punctuation and not raw:
        text = _drop_loose_joiners(text)
        table = _STRIP_TABLE
    # What stood apart may now stand together and compose, so the form is settled once more.
    return " ".join(unicodedata.normalize(form, text.translate(table)).split())


def _lower(text: str, casing: str) -> str:
    """`text` in lower case; Turkic casing keeps dotted and dotless i apart."""
    if casing == "turkic":  # composed first: İ may come as I + dot above
        text = unicodedata.normalize("NFC", text).replace("İ", "i").replace("I", "ı")
    return text.lower()


def _drop_loose_joiners(text: str) -> str:
    """Keep a joiner only after a letter, mark or number: those inside an emoji go with the emoji."""
    if not any(joiner in text for joiner in JOINERS):
        return text
    return "".join(
        character
        for before, character in zip(" " + text, text, strict=False)
        if character not in JOINERS or (unicodedata.category(before)[0] in "LMN" and before not in _EMOJI_MARKS)
    )
