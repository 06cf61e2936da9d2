"""Quality gates: which translations are not fit to be learned from, and why. Pure functions of text.

Each gate looks for one way in which machine translation is known to fail. What they allow is the language's own
`[translation.gates]`; the defaults leave what people write alone.

Lengths are compared in letters and digits, not in words: Chinese, Japanese and Thai write none apart, and German or
Turkish say in one word what English says in three. How many letters are usual differs as much (0.35 of English in
Chinese, 1.2 in French), so the usual ratio is the median of the set at hand rather than a setting.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from polycap.language import Language
from polycap.translation.engine import Translation

__all__ = ["GATES", "Refusal", "check_translation", "lowest_scored", "repeats", "split_words", "usual_ratio"]

GATES = ("empty", "copied", "script", "length", "repeats", "unknown", "score")
"""Every gate's name, in the order in which they are reported."""

_UNKNOWN = re.compile(r"<unk>|⁇", re.IGNORECASE)
_SLACK = 10
"""Letters (of the source) added to both lengths: a caption of one word may well become one of three."""
PHRASE, PHRASE_UNSPACED = 4, 6
"""Words, or letters that stand for words, that are not said again and again by chance."""
_SYLLABLE = 4
"""Letters of a syllable, at most."""
_MOST_WORDS, _MOST_LETTERS = 400, 4000
"""No caption is longer; an engine that has run wild may be."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one translation is dropped: the gate's name, and what it found."""

    gate: str
    why: str


def check_translation(
    source: str, translation: Translation, language: Language, *, ratio: float
) -> tuple[Refusal, ...]:
    """What is wrong with a translation; nothing, if it may be learned from.

    Args:
        source: what was translated.
        translation: what came of it.
        language: of the translation; its `[translation.gates]` say what is allowed.
        ratio: the usual length of a translation, as `usual_ratio` gives it.
    """
    text, gates = translation.text, language.translation.gates
    if not _letters(text):
        return (Refusal("empty", "no letter or digit"),)
    words = split_words(text, language)
    found = {
        "copied": _copied(source, words, gates.max_copied),
        "script": _script(text, language, gates.min_script),
        "length": _length(source, text, ratio, gates.max_length_ratio),
        "repeats": _repeats(source, text, words, language, gates.max_repeats),
        "unknown": _unknown(translation, words, gates.max_unknown),
    }
    return tuple(Refusal(gate, why) for gate, why in found.items() if why)


def lowest_scored(translations: Mapping[str, Translation], share: float) -> dict[str, Refusal]:
    """The sources of the worst translations by the engine's own score, at most `share` of those that have one."""
    scored = sorted((t.score, source) for source, t in translations.items() if t.score is not None)
    lowest = scored[: int(share * len(scored))]
    return {source: Refusal("score", f"{score:.3f}, among the lowest {share:.1%}") for score, source in lowest}


def usual_ratio(pairs: Iterable[tuple[str, str]]) -> float:
    """The median of letters in the translation per letter of its source; 1 where there is nothing to go by."""
    ratios = [_letters(text) / _letters(source) for source, text in pairs if _letters(source) and _letters(text)]
    return median(ratios) if ratios else 1.0


def split_words(text: str, language: Language | None = None) -> list[str]:
    """Return the words of a text without case and punctuation, as the language parts them; by spaces without one."""
    plain = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in text.casefold())
    return (language.words(plain) if language else plain.split())[:_MOST_WORDS]


def repeats(words: Sequence[str], phrase: int = PHRASE) -> int:
    """Return how often words stand in a row, or a phrase of `phrase` words anywhere; 1 for once."""
    if len(set(words)) == len(words):
        return 1
    phrases = Counter(tuple(words[i : i + phrase]) for i in range(len(words) - phrase + 1))
    most = max(phrases.values(), default=1)
    for size in range(1, len(words) // 2 + 1):
        same = 0
        for word, before in zip(words[size:], words, strict=False):
            same = same + 1 if word == before else 0
            most = max(most, 1 + same // size)
    return most


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text)


def _copied(source: str, words: Sequence[str], allowed: float) -> str:
    theirs = split_words(source)
    known = set(theirs)
    share = 1.0 if "".join(theirs) == "".join(words) else sum(word in known for word in words) / len(words)
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
    """What the source says three times may stand three times; letters may stand in a row once more than words."""
    found = repeats(words, PHRASE if language.has_spaces else PHRASE_UNSPACED)
    if found > allowed and found > repeats(split_words(source)):
        return f"the same words {found} times"
    loop = rf"([^\W\d_]{{1,{_SYLLABLE}}}?)\1{{{allowed + 1},}}"
    stutter = re.search(loop, text[:_MOST_LETTERS], re.IGNORECASE)
    if stutter and not re.search(loop, source, re.IGNORECASE):
        return f"{stutter[1]!r} {len(stutter[0]) // len(stutter[1])} times"
    return ""


def _unknown(translation: Translation, words: Sequence[str], allowed: float) -> str:
    unknown = max(translation.unknown, len(_UNKNOWN.findall(translation.text)))
    share = min(1.0, unknown / len(words))
    return f"{unknown} of {len(words)} words unknown to the engine" if share > allowed else ""
