"""Sentences of a caption: models translate one sentence, and leave out what follows it."""

import re

__all__ = ["split_sentences"]

_END = re.compile(r"(?<=[.!?])[\"'”’)]?\s+(?=\S)|(?<=[。！？।])\s*(?=\S)")
_SHORT = re.compile(
    "approx|capt|co|col|dept|dr|etc|ft|gen|gov|inc|jr|lt|ltd|mr|mrs|ms|mt|no|prof|rev|sgt|sr|st|vs", re.IGNORECASE
)
"""Abbreviations that end with a full stop inside a sentence, without it."""


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, each with its punctuation; the text itself if it is one sentence.

    A full stop ends a sentence where no small letter follows, or where a space stands before it, as in captions that
    were split into words. Those of abbreviations, initials and numbers don't.
    """
    sentences, start = [], 0
    for match in _END.finditer(text):
        before, after = text[start : match.start()].rstrip(), text[match.end() :]
        if _ends(before, after):
            sentences.append(text[start : match.end()].strip())
            start = match.end()
    return [*sentences, text[start:].strip()] if sentences else [text]


def _ends(before: str, after: str) -> bool:
    """Return whether `before`, which has an end mark at its end, is a sentence, and `after` begins another."""
    if not any(map(str.isalnum, before)) or not after[0].isalnum():
        return False  # marks alone, such as " . . .", or a question in quotation marks
    if before[-1] != ".":
        return True
    if before[-2:-1].isspace():
        return True
    word = before.split()[-1].rstrip(".").lstrip("(\"'“‘")
    is_short = len(word) < 2 or "." in word or bool(_SHORT.fullmatch(word))
    return not is_short and not after[0].islower() and not after[0].isdigit()
