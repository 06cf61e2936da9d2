"""Captions that are hardly of the language whose captions they are said to be."""

from collections.abc import Iterable

from polycap.language.language import Language

__all__ = ["doubt_captions"]

MOST_FOREIGN = 0.1
"""Share of captions in another script, from which on something is wrong with the file."""
_EXAMINED = 2000


def doubt_captions(language: Language, texts: Iterable[str]) -> str:
    """Return why captions are hardly in a language: their script is another. Empty if it is not.

    Args:
        language: the language.
        texts: captions; some 2,000 of more are examined.
    """
    captions = list(texts)
    examined = captions[:: 1 + len(captions) // _EXAMINED]
    foreign = [text for text in examined if language.share_in_script(text) < 0.5]
    if not foreign or len(foreign) <= MOST_FOREIGN * len(examined):
        return ""
    return (
        f"{len(foreign):,} of {len(examined):,} captions that were looked at are not written in {language.script}, the "
        f"script of {language.name}, such as {foreign[0][:60]!r}; are they captions of another language?"
    )
