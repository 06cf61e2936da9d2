"""Known failures: concept words of captions compared with those of references, hallucinated or omitted.

The words come from `[probes]` in the language's folder; failures that need no words are counted for every language.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

from polycap.errors import EvaluationError
from polycap.evaluation.concepts import FindConcepts, find_concepts
from polycap.language import Language

__all__ = ["FREQUENT_WORDS", "count_failures"]

FREQUENT_WORDS = 100
"""Number of the references' most frequent words that are searched in the captions."""


def count_failures(
    language: Language, captions: Sequence[str], references: Sequence[Sequence[str]], *, normalized: bool = False
) -> dict[str, Any]:
    """Count the known failures of captions.

    Args:
        language: the language; its `[probes]` table has the concept words.
        captions: one caption per photo.
        references: one or more references per photo.
        normalized: whether captions and references are normalised by the language already. (default: False)

    Returns:
        Values that JSON can represent:

        - `words`: by kind of probe (counts, colours, men, women, children, dogs), if the language has words for it:
          `said`, the concepts in captions; `right`, those of them that any reference has; `precision`, their ratio;
          `wanted`, the concepts in at least half of a photo's references; `found`, those of them that the caption has;
          `recall`, their ratio. In counts and colours every word is a concept; each other kind is one concept.
        - `mistaken`: by confusion (women called men, men called women), the `photos` whose references have only the
          first, and the `times` that the caption has only the second.
        - `most_frequent_caption`: the `caption`, and the `times` it was output.
        - `different_captions`: number of distinct captions.
        - `never_said`: of the references' most frequent words, the `words` that no caption has. (In a script without
          spaces, characters count as words.)

    Raises:
        EvaluationError: there are no captions, or their number differs from that of the references.
    """
    if not captions or len(captions) != len(references):
        raise EvaluationError(f"{len(captions)} captions for the references of {len(references)} photos")
    hypotheses, targets = list(captions), [list(texts) for texts in references]
    if not normalized:
        hypotheses = list(map(language.normalize, hypotheses))
        targets = [list(map(language.normalize, texts)) for texts in targets]
    finders = find_concepts(language)
    caption, times = Counter(hypotheses).most_common(1)[0]
    return {
        "photos": len(hypotheses),
        "words": {kind: _compare(find, hypotheses, targets) for kind, find in finders.items()},
        "mistaken": _confusions(finders, hypotheses, targets),
        "most_frequent_caption": {"caption": caption, "times": times},
        "different_captions": len(set(hypotheses)),
        "never_said": _omitted_words(language, hypotheses, targets),
    }


def _compare(find: FindConcepts, captions: list[str], references: list[list[str]]) -> dict[str, Any]:
    """Count the concepts of one kind in captions and references."""
    predicted = true_positives = expected = recalled = 0
    for caption, texts in zip(captions, references, strict=True):
        in_caption, counts = find(caption), Counter(chain.from_iterable(map(find, texts)))
        in_most = {concept for concept, count in counts.items() if 2 * count >= len(texts)}
        predicted += len(in_caption)
        true_positives += len(in_caption & counts.keys())
        expected += len(in_most)
        recalled += len(in_caption & in_most)
    return {
        "said": predicted,
        "right": true_positives,
        "precision": round(true_positives / predicted, 4) if predicted else None,
        "wanted": expected,
        "found": recalled,
        "recall": round(recalled / expected, 4) if expected else None,
    }


def _confusions(
    finders: dict[str, FindConcepts], captions: list[str], references: list[list[str]]
) -> dict[str, dict[str, int]]:
    """Count the photos of only men or only women, and their captions that have only the other."""
    if not {"men", "women"} <= finders.keys():
        return {}
    confusions = {}
    for one, other in (("women", "men"), ("men", "women")):
        photos = times = 0
        for caption, texts in zip(captions, references, strict=True):
            if any(map(finders[one], texts)) and not any(map(finders[other], texts)):
                photos += 1
                times += bool(finders[other](caption)) and not finders[one](caption)
        confusions[f"{one}_called_{other}"] = {"photos": photos, "times": times}
    return confusions


def _omitted_words(language: Language, captions: list[str], references: list[list[str]]) -> dict[str, Any]:
    """Return the number of the references' most frequent words, and those that no caption has."""
    counts = Counter(word for texts in references for text in texts for word in language.words(text))
    frequent = [word for word, _ in counts.most_common(FREQUENT_WORDS)]
    output = {word for caption in captions for word in language.words(caption)}
    return {"of": len(frequent), "words": [word for word in frequent if word not in output]}
