"""Captions that are hardly of the language whose captions they are said to be."""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

from polycap.language.language import Language

__all__ = ["doubt_captions"]

MOST_FOREIGN = 0.1
"""Share of captions in another script, from which on something is wrong with the file."""
_EXAMINED = 2000
_GROUP, _GROUPS = 10, 40
"""Captions that are told together, since one alone is too short, and number of such groups."""


def doubt_captions(language: Language, texts: Iterable[str]) -> str:
    """Return why captions are hardly in a language: their script or their language is another. Empty if neither is.

    The language is told by py3langid, of the extra `train`, where that is installed.

    Args:
        language: the language.
        texts: captions; some 2,000 of more are examined.
    """
    captions = list(texts)
    examined = captions[:: 1 + len(captions) // _EXAMINED]
    foreign = [text for text in examined if language.share_in_script(text) < 0.5]
    if foreign and len(foreign) > MOST_FOREIGN * len(examined):
        return (
            f"{len(foreign):,} of {len(examined):,} captions that were looked at are not written in {language.script}, "
            f"the script of {language.name}, such as {foreign[0][:60]!r}; are they captions of another language?"
        )
    other = _other_language(language, examined)
    return f"most are not in {language.name}, but in {other}, such as {examined[0][:60]!r}" if other else ""


def _other_language(language: Language, texts: Sequence[str]) -> str:
    """Return the name of the language that most captions are in; empty if it is theirs, or can't be told.

    It can be told where the language's own samples are told right: not Norwegian from Danish, for example.
    """
    if len(texts) < 3 * _GROUP or not language.samples or find_spec("py3langid") is None:
        return ""
    from py3langid import classify

    own = language.code.partition("-")[0]
    if classify(" ".join(language.samples).lower())[0] != own:
        return ""
    chosen = texts[:: 1 + len(texts) // (_GROUP * _GROUPS)]
    groups = [chosen[start : start + _GROUP] for start in range(0, len(chosen) - _GROUP + 1, _GROUP)]
    told = Counter(str(classify(" ".join(group).lower())[0]) for group in groups)
    [(code, count)] = told.most_common(1)
    if code == own or 2 * count <= len(groups):
        return ""
    import langcodes

    return langcodes.get(code).display_name()
