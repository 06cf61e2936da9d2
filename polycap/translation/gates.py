"""Filters of translations: reject those that are not fit for training. Pure functions of text.

Each filter detects one known failure of machine translation. The thresholds are the language's `[translation.gates]`;
with the defaults, captions by people pass.

Lengths are numbers of letters and digits, not of words: Chinese, Japanese and Thai have no spaces between words, and
German and Turkish write several English words as one. The usual ratio of lengths differs as well (Chinese has 0.35 of
the letters of English, French 1.2), so it is the median of the captions rather than a setting.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from polycap.language import Language
from polycap.translation.engine import Translation

__all__ = [
    "GATES",
    "Refusal",
    "check_translation",
    "lowest_scored",
    "repeated_answers",
    "repeats",
    "split_words",
    "usual_ratio",
]

GATES = ("empty", "copied", "script", "length", "repeats", "unknown", "same", "score")
"""Names of the filters, in the order of the report."""

_UNKNOWN = re.compile(r"<unk>|⁇", re.IGNORECASE)
_SLACK = 10
"""Letters that are added to both lengths, since one word may become three in a short caption."""
PHRASE, PHRASE_UNSPACED = 4, 6
"""Length of a phrase that is not repeated by chance: words, or letters in scripts without spaces."""
SAME, SAME_SHARE = 3, 0.01
"""Number, and share of all sources, that may have one translation: more are an engine that answers by rote."""
_SYLLABLE = 4
"""Maximum number of letters of a repeated syllable."""
_MAX_WORDS, _MAX_LETTERS = 400, 4000
"""Maximum length that is examined; an engine in a loop may write more."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rejection of a translation by a filter.

    Attributes:
        gate: name of the filter.
        why: reason.
    """

    gate: str
    why: str


def check_translation(
    source: str, translation: Translation, language: Language, *, ratio: float
) -> tuple[Refusal, ...]:
    """Apply all filters but "score" to a translation; return the rejections.

    Args:
        source: source caption.
        translation: its translation.
        language: target language; its `[translation.gates]` has the thresholds.
        ratio: usual ratio of lengths, from `usual_ratio`.
    """
    text, gates = translation.text, language.translation.gates
    if not _letters(source):
        return (Refusal("empty", "no letter or digit in the source"),)
    if not _letters(text):
        return (Refusal("empty", "no letter or digit"),)
    words = split_words(text, language)
    reasons = {
        "copied": _copied(source, words, gates.max_copied),
        "script": _script(text, language, gates.min_script),
        "length": _length(source, text, ratio, gates.max_length_ratio),
        "repeats": _repeats(source, text, words, language, gates.max_repeats),
        "unknown": _unknown(translation, words, gates.max_unknown),
    }
    return tuple(Refusal(gate, why) for gate, why in reasons.items() if why)


def lowest_scored(translations: Mapping[str, Translation], share: float) -> dict[str, Refusal]:
    """Reject the translations with the lowest scores, at most `share` of those with a score; return them by source."""
    scored = sorted((item.score, source) for source, item in translations.items() if item.score is not None)
    lowest = scored[: int(share * len(scored))]
    return {source: Refusal("score", f"{score:.3f}, among the lowest {share:.1%}") for score, source in lowest}


def repeated_answers(translations: Mapping[str, Translation]) -> dict[str, Refusal]:
    """Reject translations that the engine gave for too many different sources; return them by source.

    Sources that differ only in case and punctuation count as one.
    """
    sources: dict[str, set[str]] = {}
    for source, translation in translations.items():
        if answer := " ".join(split_words(translation.text)):
            sources.setdefault(answer, set()).add(" ".join(split_words(source)))
    allowed = max(SAME, SAME_SHARE * len(translations))
    return {
        source: Refusal("same", f"the same words for {count:,} different captions")
        for source, translation in translations.items()
        if (count := len(sources.get(" ".join(split_words(translation.text)), ()))) > allowed
    }


def usual_ratio(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the median of letters in the translation per letter of its source; 1 without letters."""
    ratios = [_letters(text) / _letters(source) for source, text in pairs if _letters(source) and _letters(text)]
    return median(ratios) if ratios else 1.0


def split_words(text: str, language: Language | None = None) -> list[str]:
    """Return the words of a text without case and punctuation, by `Language.words`; without a language, by spaces."""
    plain = "".join(letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in text.casefold())
    return (language.words(plain) if language else plain.split())[:_MAX_WORDS]


def repeats(words: Sequence[str], phrase: int = PHRASE) -> int:
    """Return the most repetitions: of words in a row, or of a phrase of `phrase` words anywhere; 1 without any."""
    if len(set(words)) == len(words):
        return 1
    phrases = Counter(tuple(words[i : i + phrase]) for i in range(len(words) - phrase + 1))
    most = max(phrases.values(), default=1)
    for size in range(1, len(words) // 2 + 1):
        same = 0
        for word, earlier in zip(words[size:], words, strict=False):
            same = same + 1 if word == earlier else 0
            most = max(most, 1 + same // size)
    return most


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text)


def _copied(source: str, words: Sequence[str], allowed: float) -> str:
    source_words = split_words(source)
    known = set(source_words)
    share = 1.0 if "".join(source_words) == "".join(words) else sum(word in known for word in words) / len(words)
    return f"{share:.0%} of its words are the source's" if share > allowed else ""


def _script(text: str, language: Language, required: float) -> str:
    share = language.share_in_script(text)
    return f"{share:.0%} of its letters are {language.script}" if share < required else ""


def _length(source: str, text: str, ratio: float, allowed: float) -> str:
    longer = (_letters(text) / ratio + _SLACK) / (_letters(source) + _SLACK)
    if 1 / allowed <= longer <= allowed:
        return ""
    return f"{longer:.1f} times as long as usual" if longer > 1 else f"{1 / longer:.1f} times as short as usual"


def _repeats(source: str, text: str, words: Sequence[str], language: Language, allowed: int) -> str:
    """Reject more repetitions than allowed and than in the source. Letters may be repeated once more than words."""
    count = repeats(words, PHRASE if language.has_spaces else PHRASE_UNSPACED)
    if count > allowed and count > repeats(split_words(source)):
        return f"the same words {count} times"
    loop = rf"([^\W\d_]{{1,{_SYLLABLE}}}?)\1{{{allowed + 1},}}"
    stutter = re.search(loop, text[:_MAX_LETTERS], re.IGNORECASE)
    if stutter and not re.search(loop, source, re.IGNORECASE):
        return f"{stutter[1]!r} {len(stutter[0]) // len(stutter[1])} times"
    return ""


def _unknown(translation: Translation, words: Sequence[str], allowed: float) -> str:
    unknown = max(translation.unknown, len(_UNKNOWN.findall(translation.text)))
    share = min(1.0, unknown / len(words))
    return f"{unknown} of {len(words)} words unknown to the engine" if share > allowed else ""
