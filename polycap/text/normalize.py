"""Text normalisation: pure, idempotent, and the same for every script.

What counts as punctuation is decided by Unicode category (P and S), never by a ``\\w`` pattern, which would
take the vowel signs of Devanagari and Bengali for punctuation and tear words apart.
"""

import unicodedata
from collections.abc import Iterator

from polycap.text.settings import APOSTROPHE, APOSTROPHES, TextSettings

__all__ = ["normalize_text"]

JOINERS = "\u200c\u200d"  # ZWNJ and ZWJ: spelling in Persian, Hindi, Bengali, Sinhala, …

# Signs that part words even where no space stands beside them; brackets and dashes come by category below.
_WORD_BREAKS = frozenset("/\\|⁄∕_&+,;!?…،؛؟、，。；！？।॥፡።་།・")
# Marks that belong to an emoji (its presentation, its keycap) and mean nothing once the emoji is stripped.
EMOJI_MARKS = frozenset("\ufe0e\ufe0f\u20e3")
_TO_APOSTROPHE = dict.fromkeys(map(ord, APOSTROPHES), APOSTROPHE)
_TATWEEL = "\u0640"  # lengthens an Arabic word on the line, and means nothing
# Canonical combining classes of the points of Hebrew (10–26), Arabic (27–35) and Syriac (36): vowels that are
# written for learners and for the scriptures. Hamza and maddah (230), which spelling needs, are not among them.
_VOWEL_POINTS = range(10, 37)
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
    if character in EMOJI_MARKS:
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


def normalize_text(text: str, settings: TextSettings, *, raw: bool = False) -> str:
    """Bring `text` into the form that a language is learned and scored in.

    In order: Unicode form; lower case; tatweel, vowel points and digits, where the settings say so; punctuation
    and symbols (categories P and S); white space collapsed to single spaces. Dashes, slashes, brackets, commas
    and the like part words, so they become a space (``black-and-white`` → ``black and white``); apostrophes,
    quotes, full stops and the rest stand inside or at the end of words, so they vanish (``dog's`` → ``dogs``)
    unless `keep_in_words` names them and they stand between two letters (``l’eau`` → ``l'eau``). Combining vowel
    signs and joiners are kept. Invisible characters (soft hyphen, zero-width space, direction marks) always
    vanish.

    Args:
        text: any text.
        settings: the language's `[text]` table.
        raw: keep case and punctuation; only Unicode form, invisible characters and white space are settled.
    """
    form = settings.unicode_form
    text = unicodedata.normalize(form, text)
    if settings.lowercase and not raw:
        text = _lower(text, settings.casing)
    if not raw:
        text = _settle_letters(text, settings)
    if settings.strip_punctuation and not raw:
        kept_marks = settings.keep_in_words + (APOSTROPHE if settings.has_apostrophe else "")
        pieces = _split_at_kept(_drop_loose_joiners(text.translate(_CLEAN_TABLE)), kept_marks)
        text = "".join(piece if kept else piece.translate(_STRIP_TABLE) for piece, kept in pieces)
    else:
        text = text.translate(_CLEAN_TABLE)
    # What stood apart may now stand together and compose, so the form is settled once more.
    return " ".join(unicodedata.normalize(form, text).split())


def _lower(text: str, casing: str) -> str:
    """`text` in lower case; Turkic casing keeps dotted and dotless i apart."""
    if casing == "turkic":  # composed first: İ may come as I + dot above
        text = unicodedata.normalize("NFC", text).replace("İ", "i").replace("I", "ı")
    return text.lower()


def _settle_letters(text: str, settings: TextSettings) -> str:
    """Apostrophes, marks and digits that a language may write in two ways, written in one."""
    if settings.has_apostrophe:
        text = text.translate(_TO_APOSTROPHE)
    if settings.strip_tatweel:
        text = text.replace(_TATWEEL, "")
    if settings.strip_vowel_points:
        text = "".join(character for character in text if unicodedata.combining(character) not in _VOWEL_POINTS)
    if settings.digits == "ascii":
        text = "".join(str(unicodedata.decimal(character, character)) for character in text)
    return text


def _split_at_kept(text: str, kept: str) -> Iterator[tuple[str, bool]]:
    """`text` in pieces: those to be stripped, and between them the punctuation that stands in a word and is kept."""
    start = 0
    for index, character in enumerate(text):
        if character in kept and _is_inside_word(text, index):
            yield text[start:index], False
            yield character, True
            start = index + 1
    yield text[start:], False


def _is_inside_word(text: str, index: int) -> bool:
    """Whether what stands at `index` has a letter or number on either side, of those that are never stripped."""
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    return (
        bool(before and after)
        and unicodedata.category(before)[0] in "LMN"
        and before not in EMOJI_MARKS
        and unicodedata.category(after)[0] in "LN"
    )


def _drop_loose_joiners(text: str) -> str:
    """Keep a joiner only after a letter, mark or number: those inside an emoji go with the emoji."""
    if not any(joiner in text for joiner in JOINERS):
        return text
    return "".join(
        character
        for before, character in zip(" " + text, text, strict=False)
        if character not in JOINERS or (unicodedata.category(before)[0] in "LMN" and before not in EMOJI_MARKS)
    )
