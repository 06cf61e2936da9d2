"""Scripts by ISO 15924 code: letters, and direction of writing.

The data are Unicode's, from fontTools, which is imported on first use.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

__all__ = [
    "direction_of",
    "has_spaces",
    "is_letter",
    "is_script",
    "letters_of",
    "outsiders",
    "share_in_script",
    "words",
]

# ISO 15924 codes of combinations of Unicode's scripts, and of variants of one.
_COMPOSITE = {
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Hanb": ("Hani", "Bopo"),
    "Hrkt": ("Hira", "Kana"),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
    "Jamo": ("Hang",),
    "Aran": ("Arab",),
    "Latf": ("Latn",),
    "Latg": ("Latn",),
    "Cyrs": ("Cyrl",),
    "Geok": ("Geor",),
    "Syre": ("Syrc",),
    "Syrj": ("Syrc",),
    "Syrn": ("Syrc",),
}
# Scripts that write words without spaces: Unicode breaks their lines between any two letters, or by a dictionary.
_WITHOUT_SPACES = frozenset(
    ("Bopo", "Hani", "Hira", "Kana", "Khmr", "Lana", "Laoo", "Mymr", "Talu", "Tale", "Tavt", "Thai", "Yiii")
)
_SEPARATORS = {"Tibt": "\u0f0b"}  # Tibetan ends a syllable, not a word, with a tsheg: syllables are its words
_LATIN_WORD_OR_LETTER = re.compile(r"[\x00-\u024f]+|.")
_COLUMNS = frozenset({"Mong"})
_VARIATION_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_ANY = frozenset({"Zyyy", "Zinh"})  # common and inherited: of no script alone
_LETTERLESS = _ANY | {"Zzzz", "Brai"}  # Zzzz: not assigned; the patterns of Braille are symbols
_PLANES = 0x20000  # end of the first two planes: the basic one, and that of Adlam, Chakma, Osage, …


def is_script(code: str) -> bool:
    """Return whether Unicode has letters of this script."""
    from fontTools.unicodedata import script_name

    return code not in _LETTERLESS and all(script_name(part, None) is not None for part in _parts(code))


def direction_of(code: str) -> Literal["ltr", "rtl", "ttb"]:
    """Return the direction of the script's writing; "ttb": top to bottom, in columns from left to right."""
    from fontTools.unicodedata import script_horizontal_direction

    if code in _COLUMNS:
        return "ttb"
    return "rtl" if script_horizontal_direction(_parts(code)[0], default="LTR") == "RTL" else "ltr"


def has_spaces(code: str) -> bool:
    """Return whether the script writes spaces, or a mark in place of them, between words."""
    return _parts(code)[0] not in _WITHOUT_SPACES


def words(text: str, code: str) -> list[str]:
    """Return the words of a text: what spaces part or, in a script without spaces, its letters, and words of Latin.

    Of Tibetan, they are its syllables.
    """
    separator = _SEPARATORS.get(code)
    found = (text.replace(separator, " ") if separator else text).split()
    return found if has_spaces(code) else [part for word in found for part in _LATIN_WORD_OR_LETTER.findall(word)]


def is_letter(character: str) -> bool:
    """Return whether a character is a letter or a mark, which is part of a letter in many scripts.

    A variation selector is neither: it chooses between forms of the letter before it.
    """
    return unicodedata.category(character)[0] in "LM" and not _VARIATION_SELECTOR.match(character)


def outsiders(text: str, code: str) -> str:
    """Return the letters and marks of `text` that are of another script, each once, in their order."""
    letters = (character for character in text if is_letter(character))
    return "".join(dict.fromkeys(letter for letter in letters if not _scripts(letter) & _accepted(code)))


def share_in_script(text: str, code: str) -> float:
    """Return the share of the letters and marks of `text` that are of the script, 0 to 1; 0 without any.

    Characters that every script uses, such as an accent or the variation selector of ❤, do not count.
    """
    letters = [character for character in text if is_letter(character) and not _scripts(character) <= _ANY]
    if not letters:
        return 0.0
    return sum(bool(_scripts(letter) & _accepted(code)) for letter in letters) / len(letters)


def letters_of(code: str) -> Iterator[str]:
    """Yield every letter and mark that is of this script alone, in the order of Unicode.

    Compatibility forms of letters are left out, since a language may fold them, and so are letters beyond the second
    plane, which are all rare Han.
    """
    from fontTools.unicodedata import Scripts

    parts = _parts(code)
    for start, end, script in zip(Scripts.RANGES, (*Scripts.RANGES[1:], _PLANES), Scripts.VALUES, strict=True):
        if script in parts:
            for character in map(chr, range(start, min(end, _PLANES))):
                if is_letter(character) and unicodedata.is_normalized("NFKC", character):
                    yield character


def _parts(code: str) -> tuple[str, ...]:
    return _COMPOSITE.get(code, (code,))


@lru_cache(maxsize=64)
def _accepted(code: str) -> frozenset[str]:
    return _ANY | frozenset(_parts(code))


@lru_cache(maxsize=4096)
def _scripts(character: str) -> frozenset[str]:
    from fontTools.unicodedata import script_extension

    return frozenset(script_extension(character))
