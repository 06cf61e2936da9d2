"""Known failures of captions, looked for: what is said that no reference says, and what is not said that they say.

The words come from the language's folder (`[probes]`); what needs no words is measured for every language.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from polycap.errors import EvaluationError
from polycap.language import Language

__all__ = ["FREQUENT", "count_failures"]

FREQUENT = 100
"""Of so many most frequent words of the references it is asked whether they are ever said."""

ConceptForms = list[list[str]]
Find = Callable[[str], set[int]]


def count_failures(
    language: Language, captions: Sequence[str], references: Sequence[Sequence[str]], *, normalized: bool = False
) -> dict[str, Any]:
    """What is wrong with captions in the ways that captions are known to be.

    Args:
        language: its `[probes]` table has the words; both sides are normalised as it does.
        captions: one per photo.
        references: per photo, at least one.
        normalized: whether both sides are normalised already.

    Returns:
        JSON-able values. Under `words`, for counts, colours, men, women and dogs as far as the folder has words: how
        often captions `said` one, how often any reference did, too (`right`), how often at least half of a photo's
        references `wanted` one, and how often the caption then had it (`found`); `precision` and `recall` are their
        ratios. Counts and colours are told apart, of the others any word counts. Under `mistaken`, how often women are
        called men, and men women, of the photos whose references have one and not the other. Beside them the
        `most_frequent_caption`, the number of `different_captions`, and which of the references' most frequent words
        are `never_said` (letters, in a script that writes words side by side).

    Raises:
        EvaluationError: nothing to look at, or not as many references as captions.
    """
    if not captions or len(captions) != len(references):
        raise EvaluationError(f"{len(captions)} captions for the references of {len(references)} photos")
    said, wanted = list(captions), [list(texts) for texts in references]
    if not normalized:
        said = list(map(language.normalize, said))
        wanted = [list(map(language.normalize, texts)) for texts in wanted]
    table: dict[str, tuple[str, ...]] = language.probes.model_dump()
    words = {}
    for category, entries in table.items():
        notions = [[language.normalize(form) for form in entry.split()] for entry in entries]
        if notions:
            together = category not in ("counts", "colours")
            words[category] = _finder([list(chain(*notions))] if together else notions, language)
    caption, times = Counter(said).most_common(1)[0]
    return {
        "photos": len(said),
        "words": {category: _compare(find, said, wanted) for category, find in words.items()},
        "mistaken": _mistaken(words, said, wanted),
        "most_frequent_caption": {"caption": caption, "times": times},
        "different_captions": len(set(said)),
        "never_said": _never_said(language, said, wanted),
    }


def _finder(notions: ConceptForms, language: Language) -> Find:
    """A function that tells which notions a normalised text has: as whole words where words are written apart."""
    edge = " " if language.has_spaces else ""
    forms = [(f"{edge}{form}{edge}", number) for number, forms in enumerate(notions) for form in forms if form]

    def find(text: str) -> set[int]:
        padded = f"{edge}{text}{edge}"
        return {number for form, number in forms if form in padded}

    return find


def _compare(find: Find, captions: list[str], references: list[list[str]]) -> dict[str, Any]:
    said = right = wanted = found = 0
    for caption, texts in zip(captions, references, strict=True):
        has, counts = find(caption), Counter(chain.from_iterable(map(find, texts)))
        usual = {notion for notion, count in counts.items() if 2 * count >= len(texts)}
        said += len(has)
        right += len(has & counts.keys())
        wanted += len(usual)
        found += len(has & usual)
    return {
        "said": said,
        "right": right,
        "precision": round(right / said, 4) if said else None,
        "wanted": wanted,
        "found": found,
        "recall": round(found / wanted, 4) if wanted else None,
    }


def _mistaken(words: dict[str, Find], captions: list[str], references: list[list[str]]) -> dict[str, dict[str, int]]:
    """Who is called what they are not, of the photos where all references that tell agree."""
    if not {"men", "women"} <= words.keys():
        return {}
    result = {}
    for one, other in (("women", "men"), ("men", "women")):
        photos = times = 0
        for caption, texts in zip(captions, references, strict=True):
            if any(map(words[one], texts)) and not any(map(words[other], texts)):
                photos += 1
                times += bool(words[other](caption)) and not words[one](caption)
        result[f"{one}_called_{other}"] = {"photos": photos, "times": times}
    return result


def _never_said(language: Language, captions: list[str], references: list[list[str]]) -> dict[str, Any]:
    counts = Counter(word for texts in references for text in texts for word in language.words(text))
    frequent = [word for word, _ in counts.most_common(FREQUENT)]
    known = {word for caption in captions for word in language.words(caption)}
    return {"of": len(frequent), "words": [word for word in frequent if word not in known]}
