"""Concepts in texts, by the words of `[probes]` in the language's folder."""

from collections.abc import Callable, Sequence

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
        kind: [[language.normalize(form.replace("_", " ")) for form in entry.split()] for entry in entries]
        for kind, entries in table.items()
        if entries
    }
    wholes = {kind: [form for forms in entries for form in forms] for kind, entries in concepts.items()}
    return {
        kind: _finder(entries, [], language)
        if kind in WORD_KINDS
        else _finder(
            [wholes[kind]], [form for other in wholes.keys() - WORD_KINDS - {kind} for form in wholes[other]], language
        )
        for kind, entries in concepts.items()
    }


def _finder(concepts: ConceptForms, others: Sequence[str], language: Language) -> FindConcepts:
    """Return the function that finds concepts in a text: as whole words, if the script has spaces between words.

    A form inside a longer form of `others` or of another concept, as 男 in 男孩 or merah in merah muda, is not counted.
    """
    padded = [[_padded(form, language) for form in forms if form] for forms in concepts]
    hidden = [
        [
            other
            for other in [_padded(form, language) for form in others] + [form for each in padded for form in each]
            if other not in own and any(form in other for form in own)
        ]
        for own in padded
    ]

    def find(text: str) -> frozenset[int]:
        whole = _padded(text, language)
        return frozenset(index for index, own in enumerate(padded) if _has(whole, own, hidden[index]))

    return find


def _padded(text: str, language: Language) -> str:
    """Return a text with spaces around each word, if the script has them between words; else the text."""
    return f" {' '.join(language.words(text))} " if language.has_spaces else text


def _has(text: str, forms: Sequence[str], hidden: Sequence[str]) -> bool:
    """Return whether a text has one of the forms outside of the hidden ones."""
    for other in hidden:
        text = text.replace(other, "\n")
    return any(form in text for form in forms)
