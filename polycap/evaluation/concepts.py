"""Concepts in texts, by the words of `[probes]` in the language's folder."""

from collections.abc import Callable, Sequence
from itertools import chain

from polycap.language import Language

__all__ = ["WORD_KINDS", "FindConcepts", "find_concepts"]

WORD_KINDS = frozenset({"counts", "colours"})
"""Kinds of probes in which each word is a concept of its own; every other kind is one concept, in many words."""

ConceptForms = list[list[str]]
"""Forms of each concept's word."""

FindConcepts = Callable[[str], frozenset[int]]
"""Function from a normalised text to the indices of its concepts."""


def find_concepts(language: Language) -> dict[str, FindConcepts]:
    """Return the function that finds concepts in a text, by kind of probe, of the kinds that the language has."""
    table: dict[str, tuple[str, ...]] = language.probes.model_dump()
    concepts = {
        kind: [[language.normalize(form) for form in entry.split()] for entry in entries]
        for kind, entries in table.items()
        if entries
    }
    wholes = {kind: list(chain(*forms)) for kind, forms in concepts.items() if kind not in WORD_KINDS}
    return {
        kind: _finder(forms, [], language)
        if kind in WORD_KINDS
        else _finder([wholes[kind]], list(chain(*(wholes[other] for other in wholes if other != kind))), language)
        for kind, forms in concepts.items()
    }


def _finder(concepts: ConceptForms, others: Sequence[str], language: Language) -> FindConcepts:
    """Return the function that finds concepts in a text: as whole words, if the script has spaces between words.

    A form inside a longer form of `others`, as 男 in 男孩, is not counted.
    """
    edge = " " if language.has_spaces else ""
    forms = [(f"{edge}{form}{edge}", index) for index, words in enumerate(concepts) for form in words if form]
    longer = [
        other
        for other in (f"{edge}{form}{edge}" for form in others)
        if any(form in other and form != other for form, _ in forms)
    ]

    def find(text: str) -> frozenset[int]:
        padded = f"{edge}{text}{edge}"
        for other in longer:
            padded = padded.replace(other, "\n")
        return frozenset(index for form, index in forms if form in padded)

    return find
