"""Concordance: whether two languages' captions of the same photo have the same concepts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from statistics import fmean
from typing import Any

from polycap.dataset import is_human
from polycap.evaluation.concepts import WORD_KINDS, FindConcepts, find_concepts
from polycap.evaluation.evaluate import Evaluation

__all__ = ["Concordance", "MeanConcordance", "compare_concepts", "mean_concordance"]

Concepts = frozenset[int]
"""Concepts of a text, by their places in the language's list."""


@dataclass(frozen=True)
class _PhotoConcepts:
    """Concepts of one photo's caption and of its references, by the number of references that have them."""

    caption: Concepts
    references: Counter[Concepts]


@dataclass(frozen=True)
class Concordance:
    """Agreement of two languages about one kind of probe.

    Attributes:
        languages: codes of the two languages.
        kind: kind of probe, such as "dogs".
        photos: number of photos that both have captions of.
        captions: share of the photos whose two captions have the same concepts, 0 to 1.
        people: share of the pairs of a reference of one language and a reference of the other that have the same
            concepts, mean over the photos, 0 to 1; None unless people wrote both.
    """

    languages: tuple[str, str]
    kind: str
    photos: int
    captions: float
    people: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the row of a pair in the report's JSON."""
        people = None if self.people is None else round(self.people, 4)
        row = {"languages": list(self.languages), "kind": self.kind, "photos": self.photos}
        return row | {"captions": round(self.captions, 4), "people": people}


@dataclass(frozen=True)
class MeanConcordance:
    """Mean over the pairs of languages of one kind of probe.

    Attributes:
        kind: kind of probe.
        pairs: number of pairs of languages.
        captions: mean of their captions' shares, 0 to 1.
        human_pairs: number of pairs whose references are by people.
        human_pairs_captions: mean of these pairs' captions' shares, 0 to 1; None without such pairs.
        people: mean of people's shares, 0 to 1; None without such pairs.
    """

    kind: str
    pairs: int
    captions: float
    human_pairs: int
    human_pairs_captions: float | None
    people: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the row of a kind of probe in the report's JSON."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in vars(self).items()}


def compare_concepts(evaluations: Sequence[Evaluation]) -> list[Concordance]:
    """Compare the concepts of each pair of languages, by kind of probe.

    A photo's two captions agree if each concept of the kind is in both or in neither. Counts and colours have a concept
    per word, by its place in the language's list, as far as both lists go; each other kind is one concept. People's
    captions are compared likewise: each reference of one language with each of the other. Every photo weighs the same.

    Args:
        evaluations: captions and references, one evaluation per language.

    Returns:
        Rows by kind, then pair; only pairs that have words of the kind, and photos in common.
    """
    finders = [find_concepts(evaluation.language) for evaluation in evaluations]
    rows: list[Concordance] = []
    for kind in dict.fromkeys(chain.from_iterable(finders)):
        having = [
            (evaluation, _concepts_by_photo(evaluation, find[kind]))
            for evaluation, find in zip(evaluations, finders, strict=True)
            if kind in find
        ]
        for (one, first), (other, second) in combinations(having, 2):
            size = min(len(getattr(each.language.probes, kind)) for each in (one, other)) if kind in WORD_KINDS else 1
            pairs = [(first[name], second[name]) for name in first if name in second]
            if pairs:
                by_people = all(is_human(each.scores.references_origin) for each in (one, other))
                rows.append(_compare((one.language.code, other.language.code), kind, pairs, size, by_people))
    return rows


def mean_concordance(rows: Iterable[Concordance]) -> list[MeanConcordance]:
    """Return the mean over the pairs of languages, by kind of probe."""
    by_kind: dict[str, list[Concordance]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    return [_mean(kind, members) for kind, members in by_kind.items()]


def _mean(kind: str, rows: Sequence[Concordance]) -> MeanConcordance:
    people = [row.people for row in rows if row.people is not None]
    beside = [row.captions for row in rows if row.people is not None]
    return MeanConcordance(
        kind=kind,
        pairs=len(rows),
        captions=fmean(row.captions for row in rows),
        human_pairs=len(people),
        human_pairs_captions=fmean(beside) if beside else None,
        people=fmean(people) if people else None,
    )


def _concepts_by_photo(evaluation: Evaluation, find: FindConcepts) -> dict[str, _PhotoConcepts]:
    """Return the concepts of captions and references, by name of photo."""
    normalize = evaluation.language.normalize if evaluation.raw else str
    texts = zip(evaluation.photos, evaluation.captions, evaluation.references, strict=True)
    return {
        photo.name: _PhotoConcepts(find(normalize(caption)), Counter(find(normalize(text)) for text in references))
        for photo, caption, references in texts
    }


def _compare(
    languages: tuple[str, str],
    kind: str,
    pairs: Sequence[tuple[_PhotoConcepts, _PhotoConcepts]],
    size: int,
    by_people: bool,
) -> Concordance:
    """Compare two languages' concepts of the same photos, up to the place `size` of their lists."""

    def is_same(one: Concepts, other: Concepts) -> bool:
        return all(concept >= size for concept in one ^ other)

    def share_of_references(one: Counter[Concepts], other: Counter[Concepts]) -> float:
        same = sum(one[left] * other[right] for left in one for right in other if is_same(left, right))
        return same / (one.total() * other.total())

    return Concordance(
        languages,
        kind,
        photos=len(pairs),
        captions=fmean(is_same(one.caption, other.caption) for one, other in pairs),
        people=fmean(share_of_references(one.references, other.references) for one, other in pairs)
        if by_people
        else None,
    )
