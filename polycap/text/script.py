"""Scripts by their ISO 15924 code: which letters are theirs, and which way they run.

The facts are Unicode's, by way of fontTools, which is loaded when first asked.
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

# ISO 15924 has codes for scripts that are several of Unicode's, or a way to write one of them.
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
# Scripts whose words stand side by side: Unicode breaks their lines between any two letters, or by a dictionary.
_WITHOUT_SPACES = frozenset(
    ("Bopo", "Hani", "Hira", "Kana", "Khmr", "Lana", "Laoo", "Mymr", "Talu", "Tale", "Tavt", "Thai", "Tibt", "Yiii")
)
_LATIN_WORD_OR_LETTER = re.compile(r"[\x00-\u024f]+|.")
_ANY = frozenset({"Zyyy", "Zinh"})  # of no script alone: common, inherited
_LETTERLESS = _ANY | {"Zzzz", "Brai"}  # Zzzz: what is not assigned; the patterns of Braille are symbols
_PLANES = 0x20000  # two: the basic one, and that of Adlam, Chakma, Osage, …


def is_script(code: str) -> bool:
    """Whether Unicode has letters of this script."""
    from fontTools.unicodedata import script_name

    return code not in _LETTERLESS and all(script_name(part, None) is not None for part in _parts(code))


def direction_of(code: str) -> Literal["ltr", "rtl"]:
    """Which way the script runs."""
    from fontTools.unicodedata import script_horizontal_direction

    return "rtl" if script_horizontal_direction(_parts(code)[0], default="LTR") == "RTL" else "ltr"


def has_spaces(code: str) -> bool:
    """Whether words are written apart."""
    return _parts(code)[0] not in _WITHOUT_SPACES


def words(text: str, code: str) -> list[str]:
    """Return the words of a text: what spaces part or, in a script without spaces, its letters, and words of Latin."""
    found = text.split()
    return found if has_spaces(code) else [part for word in found for part in _LATIN_WORD_OR_LETTER.findall(word)]


def is_letter(character: str) -> bool:
    """Whether it is a letter or a mark, which in many scripts is half of one."""
    return unicodedata.category(character)[0] in "LM"


def outsiders(text: str, code: str) -> str:
    """The letters and marks of `text` that are of another script, each once, in their order."""
    return "".join(dict.fromkeys(c for c in text if is_letter(c) and not _scripts(c) & _accepted(code)))


def share_in_script(text: str, code: str) -> float:
    """How much of the letters and marks of `text` is of the script, 0 to 1; 0 where there are none.

    Those that every script uses, such as an accent or the mark that makes ❤ an emoji, speak neither for nor against.
    """
    letters = [character for character in text if is_letter(character) and not _scripts(character) <= _ANY]
    if not letters:
        return 0.0
    return sum(bool(_scripts(letter) & _accepted(code)) for letter in letters) / len(letters)


def letters_of(code: str) -> Iterator[str]:
    """Every letter and mark that is of this script alone, in the order of Unicode; without those of old books.

    Letters that only a compatibility form tells apart are left out, as are those beyond the second plane: a
    language may fold the former, and of the latter all are rare Han.
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
