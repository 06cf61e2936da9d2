"""Languages by the meaning of a tag, by CLDR and BCP 47: `zh_CN` is zh, `deu` is de, `iw` is he. Never by spelling."""

import difflib
from collections.abc import Iterable, Mapping

__all__ = ["CLOSE", "closest_code", "nearest_code", "same_language"]

SHORTEST = 4
"""Length of a name in Latin letters that is looked for by spelling: shorter ones are like too many codes."""
CLOSE, NEAR = 10, 40
"""Distances of CLDR: up to which a variety stands for another, such as Brazilian for European Portuguese (5); and up to
which a reader of one language may read another, such as German for Luxembourgish."""


def same_language(tag: str, codes: Iterable[str]) -> str | None:
    """Return the code that a tag means: the same language in the same script; None if no code is.

    Args:
        tag: a tag as people write it, such as "zh-CN", "zh_Hans", "deu", "iw", "pt" or "nb-NO".
        codes: the codes to choose from.
    """
    code = closest_code(tag, codes, CLOSE)
    return code if code is not None and _is_same(tag, code) else None


def nearest_code(text: str, names: Mapping[str, Iterable[str]]) -> str | None:
    """Return the code of the language that a text may mean, for a hint: by meaning if it is a tag, else by name.

    Args:
        text: a tag or a name, such as "zh-HK" or "german".
        names: names of each language, by code.
    """
    if _is_tag(text):
        other_script = (code for code in names if _is_tag(code) and _is_same(text, code))
        return closest_code(text, names, CLOSE) or next(other_script, None) or closest_code(text, names, NEAR)
    spellings = {name.casefold(): code for code, found in names.items() for name in (*found, code)}
    query = _hyphens(text).casefold()
    if query.isascii() and len(query) < SHORTEST:
        return None
    close = difflib.get_close_matches(query, spellings, n=1) or difflib.get_close_matches(
        query.split("-")[0], spellings, n=1
    )
    return spellings[close[0]] if close else None


def _is_same(tag: str, code: str) -> bool:
    """Return whether two tags name one language, in whichever script and region."""
    import langcodes  # takes longer to load than all else here

    asked, found = (
        langcodes.get(langcodes.standardize_tag(each, macro=True)).language for each in (_hyphens(tag), code)
    )
    return asked == found or langcodes.tag_distance(asked or "und", found or "und") <= 1  # no and nb


def _hyphens(tag: str) -> str:
    return tag.strip().replace("_", "-")


def _is_tag(tag: str) -> bool:
    """Return whether a text is a tag of a language that has one, in the form that langcodes can read."""
    import langcodes

    return tag.isascii() and langcodes.tag_is_valid(_hyphens(tag))


def closest_code(tag: str, codes: Iterable[str], distance: int) -> str | None:
    """Return the code of the closest language up to a distance of CLDR, in the script that the tag's readers read.

    Args:
        tag: a tag as people write it; None is returned for a text that is none.
        codes: the codes to choose from.
        distance: greatest distance, such as `CLOSE`.
    """
    if not _is_tag(tag):
        return None
    import langcodes

    asked = langcodes.get(_hyphens(tag)).maximize().script
    known = [code for code in codes if _is_tag(code)]
    readable = [code for code in known if langcodes.get(code).maximize().script == asked]
    return langcodes.closest_supported_match(_hyphens(tag), readable, max_distance=distance)
