"""Corrections of translations: a language's table of words and what is written in their place. Pure functions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from polycap.translation.engine import Translation

__all__ = ["corrector"]


def corrector(corrections: Mapping[str, str], *, spaced: bool = True) -> Callable[[Translation], Translation]:
    """Return a function that corrects translations by a language's `[translation.corrections]`.

    Whole words are replaced, in any case, the longest entry first; a capital at the start stays one. A word that the
    engine does not know, but an entry does, counts as known.

    Args:
        corrections: a word or several, and what is written in their place. An entry that ends with an apostrophe stands
            before a word, such as `en l'`.
        spaced: whether the language has spaces between words; without them entries are replaced anywhere.
            (default: True)
    """
    if not corrections:
        return lambda translation: translation
    known = {wrong.casefold(): right for wrong, right in corrections.items()}
    entries = sorted(corrections, key=len, reverse=True)
    pattern = re.compile("|".join(_bounded(entry) if spaced else re.escape(entry) for entry in entries), re.IGNORECASE)

    def correct(translation: Translation) -> Translation:
        replaced: set[str] = set()

        def right(match: re.Match[str]) -> str:
            replaced.update(re.findall(r"\w+", match[0].casefold()))
            text = known[match[0].casefold()]
            return text[0].upper() + text[1:] if match[0][0].isupper() else text

        text = pattern.sub(right, translation.text)
        words = tuple(word for word in translation.unknown_words if word.casefold() not in replaced)
        unknown = translation.unknown - len(translation.unknown_words) + len(words)
        return replace(translation, text=text, unknown=unknown, unknown_words=words)

    return correct


def _bounded(entry: str) -> str:
    """Return a pattern of whole words."""
    start, end = r"\b" if re.match(r"\w", entry) else "", r"\b" if re.search(r"\w$", entry) else ""
    return f"{start}{re.escape(entry)}{end}"
