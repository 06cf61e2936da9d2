"""Text normalisation: pure, idempotent, and the same for every script.

Punctuation is defined by Unicode category (P and S), not by a ``\\w`` pattern, which would match the vowel signs of
Devanagari and Bengali as punctuation and split words.
"""

import re
import unicodedata
from collections.abc import Iterator

from polycap.text.settings import APOSTROPHE, APOSTROPHES, TextSettings

__all__ = ["normalize_text"]

JOINERS = "\u200c\u200d"  # ZWNJ and ZWJ: spelling in Persian, Hindi, Bengali, Sinhala, …

# Characters that separate words without a space beside them. Brackets and dashes are matched by category.
_WORD_BREAKS = frozenset("/\\|⁄∕_&+,;!?…،؛؟、，。；！？।॥፡።་༌།༎༏༐༑༔᠁᠂᠃᠄᠅᠈᠉・")
# Marks of an emoji (variation selectors, keycap), which are stripped with the emoji.
EMOJI_MARKS = frozenset("\ufe0e\ufe0f\u20e3")
_TO_APOSTROPHE = dict.fromkeys(map(ord, APOSTROPHES), APOSTROPHE)
_TATWEEL = "\u0640"  # lengthens an Arabic word typographically, without a meaning
# Canonical combining classes of the points of Hebrew (10–26), Arabic (27–35) and Syriac (36): vowels that only texts
# for learners and scriptures spell. Hamza and maddah (230), which spelling needs, are not among them.
_VOWEL_POINTS = range(10, 37)
_DOTTED_I = re.compile("i\u0307(?![\u0300\u0301\u0303])")
_IN_NUMBERS = ".,:٫٬"  # 2.5, 2,5, 3:30: marks that stay between two digits
_BREAK_CATEGORIES = frozenset({"Pd", "Ps", "Pe"})


def _is_invisible(code_point: int) -> bool:
    """Return whether a character is invisible and no spelling needs it, such as soft hyphens and direction marks."""
    return (
        code_point in (0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0xFEFF)
        or 0x202A <= code_point <= 0x202E
        or 0x2060 <= code_point <= 0x206F
        or 0xD800 <= code_point <= 0xDFFF  # lone surrogates, which can't be encoded
        or 0xE0000 <= code_point <= 0xE007F
    )


def _clean(code_point: int) -> str:
    """Return the replacement of a character in any text: a space for a control, nothing if invisible, else itself."""
    if _is_invisible(code_point):
        return ""
    character = chr(code_point)
    return " " if unicodedata.category(character) == "Cc" else character


def _strip(code_point: int) -> str:
    """Return the replacement of a character if punctuation is stripped."""
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
    """Table for `str.translate` that computes the replacement of each character once."""

    def __init__(self, *, strip: bool) -> None:
        super().__init__()
        self._replace = _strip if strip else _clean

    def __missing__(self, code_point: int) -> str:
        replacement = self[code_point] = self._replace(code_point)
        return replacement


_CLEAN_TABLE = _Table(strip=False)
_STRIP_TABLE = _Table(strip=True)


def normalize_text(text: str, settings: TextSettings, *, keep_case_and_punctuation: bool = False) -> str:
    """Normalise `text` for training and scoring.

    In order: Unicode form; lower case; tatweel, vowel points and digits, if the settings say so; punctuation and
    symbols (categories P and S); white space collapsed to single spaces. Dashes, slashes, brackets, commas and other
    separators of words become a space (``black-and-white`` → ``black and white``). Apostrophes, quotes, full stops and
    other punctuation inside or at the end of words are removed (``dog's`` → ``dogs``), unless `keep_in_words` names
    them and they are between two letters (``l’eau`` → ``l'eau``), or they are in a number (``2.5``, ``3:30``).
    Combining vowel signs and joiners are kept. Invisible characters (soft hyphen, zero-width space, direction marks)
    are always removed.

    Args:
        text: any text.
        settings: the language's `[text]` table.
        keep_case_and_punctuation: whether to keep both, and normalise only Unicode form, invisible characters and
            white space. (default: False)
    """
    form = settings.unicode_form
    text = unicodedata.normalize(form, text)
    if settings.lowercase and not keep_case_and_punctuation:
        text = _lower(text, settings.casing)
    if not keep_case_and_punctuation:
        text = _unify_letters(text, settings)
    if settings.strip_punctuation and not keep_case_and_punctuation:
        kept_marks = settings.keep_in_words + (APOSTROPHE if settings.has_apostrophe else "")
        pieces = _split_at_kept(_drop_loose_joiners(text.translate(_CLEAN_TABLE)), kept_marks)
        text = "".join(piece if kept else piece.translate(_STRIP_TABLE) for piece, kept in pieces)
    else:
        text = text.translate(_CLEAN_TABLE)
    # Characters that are adjacent now may compose, so the Unicode form is applied again.
    return " ".join(unicodedata.normalize(form, text).split())


def _lower(text: str, casing: str) -> str:
    """Convert `text` to lower case; Turkic casing distinguishes dotted and dotless i."""
    if casing == "turkic":  # NFC first: İ may be written as I + dot above
        text = unicodedata.normalize("NFC", text).replace("İ", "i").replace("I", "ı")
    # What "İ" becomes in other casings, and what programs that know no Turkish left of it. Lithuanian has the dot only
    # below an accent.
    return _DOTTED_I.sub("i", text.lower())


def _unify_letters(text: str, settings: TextSettings) -> str:
    """Unify apostrophes, marks and digits that a language may write in two ways."""
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
    """Split `text` into pieces to be stripped, and kept punctuation inside words, with whether a piece is kept."""
    start = 0
    for index, character in enumerate(text):
        if (character in kept and _is_inside_word(text, index)) or _is_inside_number(text, index):
            yield text[start:index], False
            yield character, True
            start = index + 1
    yield text[start:], False


def _is_inside_number(text: str, index: int) -> bool:
    """Return whether the character at `index` is a mark of a number: between two digits."""
    return (
        text[index] in _IN_NUMBERS and text[index - 1 : index].isdecimal() and text[index + 1 : index + 2].isdecimal()
    )


def _is_inside_word(text: str, index: int) -> bool:
    """Return whether the character at `index` is between two letters or numbers that are never stripped."""
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    return (
        bool(before and after)
        and unicodedata.category(before)[0] in "LMN"
        and before not in EMOJI_MARKS
        and unicodedata.category(after)[0] in "LN"
    )


def _drop_loose_joiners(text: str) -> str:
    """Remove joiners that do not follow a letter, mark or number, such as those inside an emoji."""
    if not any(joiner in text for joiner in JOINERS):
        return text
    return "".join(
        character
        for before, character in zip(" " + text, text, strict=False)
        if character not in JOINERS or (unicodedata.category(before)[0] in "LMN" and before not in EMOJI_MARKS)
    )
