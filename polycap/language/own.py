"""The reader's own language, among those that are trained: by the environment, or by what a browser accepts."""

import os
import re
from collections.abc import Iterable

from polycap.language.registry import Registry
from polycap.language.tags import CLOSE, closest_code

__all__ = ["LANGUAGE_VARIABLE", "accepted_language", "best_match", "own_language"]

LANGUAGE_VARIABLE = "POLYCAP_LANGUAGE"
LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


def own_language(registry: Registry | None = None) -> tuple[str | None, str]:
    """Choose the language of captions where none is named.

    It is that of `POLYCAP_LANGUAGE`, else the locale's if it is trained, else the registry's first default language.

    Args:
        registry: registry of languages. (default: a new one)

    Returns:
        The value for `load_captioners`, None if nothing is trained; and the reason, as text.
    """
    if named := os.environ.get(LANGUAGE_VARIABLE):
        return named, f"{LANGUAGE_VARIABLE}={named}"
    registry = registry or Registry.discover()
    variable, locale = _locale()
    reason = "`language` chooses another"
    if locale:
        trained = [language.code for language in registry.languages if language.status == "trained"]
        if code := best_match(locale, trained):
            return code, f"by {variable}={os.environ[variable]}; {reason}"
        reason = f"none is trained for {variable}={os.environ[variable]}; {reason}"
    default = registry.default_languages
    return (default[0].code if default else None), reason


def _locale() -> tuple[str, str]:
    """Return the variable that names the locale's language, and its BCP 47 tag; empty texts without one."""
    variable = next((name for name in LOCALE_VARIABLES if os.environ.get(name)), "")
    tag = re.split("[.@]", os.environ.get(variable, ""))[0].replace("_", "-")
    return (variable, tag) if tag not in ("", "C", "POSIX") else ("", "")


def accepted_language(header: str, codes: Iterable[str]) -> str | None:
    """Return the code that suits a header `Accept-Language` best; None if none does.

    Args:
        header: such as "de-CH, fr;q=0.8, *;q=0.1", RFC 9110.
        codes: the codes to choose from.
    """
    codes = list(codes)
    for tag in _by_quality(header):
        if code := best_match(tag, codes):
            return code
    return None


def _by_quality(header: str) -> list[str]:
    """Return the tags of a header `Accept-Language`, the most wanted first; those of quality 0 are not accepted."""
    qualities = []
    for part in header.split(","):
        tag, _, quality = part.partition(";")
        found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d*)?)\s*", quality, re.IGNORECASE) if quality else None
        if tag.strip() and (found or not quality):
            qualities.append((float(found[1]) if found else 1.0, tag.strip()))
    return [tag for quality, tag in sorted(qualities, key=lambda pair: -pair[0]) if quality]


def best_match(tag: str, codes: Iterable[str]) -> str | None:
    """Return the code of the language that a reader of another tag reads, by CLDR; None if there is none.

    Args:
        tag: a BCP 47 tag, such as "zh-TW", which means zh-Hant.
        codes: the codes to choose from.
    """
    codes = list(codes)
    return tag if tag in codes else closest_code(tag, codes, CLOSE)
