"""View of a comparison for the page and the Markdown: numbers as text, in the order of the tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polycap.dataset import is_human
from polycap.evaluation.compare import Comparison
from polycap.evaluation.concordance import Concordance, MeanConcordance, mean_concordance
from polycap.evaluation.evaluate import Evaluation
from polycap.language import Language
from polycap.metrics import METRICS, Diversity

__all__ = [
    "Cell",
    "ConcordanceView",
    "LanguageView",
    "LengthBar",
    "TableRow",
    "group_by_references",
    "percent",
    "view_concordance",
    "view_of",
]

KINDS = {True: "written by people", False: "machine translation"}


@dataclass(frozen=True)
class Cell:
    """Figure and its note, which is printed smaller."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class TableRow:
    """Row of the table of scores.

    Attributes:
        author: author of the captions, "polycap" or "people".
        references: number of references per photo.
        cells: one cell per metric.
        is_secondary: whether the row is printed in grey. (default: False)
    """

    author: str
    references: str
    cells: list[Cell]
    is_secondary: bool = False


@dataclass(frozen=True)
class LengthBar:
    """Bar of the histogram of lengths: shares of captions and of references with this number of words, 0 to 1."""

    words: int
    captions: float
    references: float


@dataclass(frozen=True)
class LanguageView:
    """Figures of one language.

    Attributes:
        language: the language.
        photos: number of photos.
        origin: origin of the references.
        is_human: whether people wrote the references.
        kind: the same in words.
        rows: rows of the table of scores.
        agreement_fault: reason that people's score is not among the rows; empty if it is.
        diversity: columns of the table of diversity: name and cell.
        frequent: most frequent caption.
        frequent_share: share of the photos with that caption.
        bars: histogram of lengths.
        mean_words: mean number of words of captions and of references.
        steadiness: shares of steadiness as percentages, by change; empty if not measured.
        facts: further facts, by name.
    """

    language: Language
    photos: int
    origin: str
    is_human: bool
    kind: str
    rows: list[TableRow]
    agreement_fault: str
    diversity: list[tuple[str, Cell]]
    frequent: str
    frequent_share: str
    bars: list[LengthBar]
    mean_words: tuple[float, float]
    steadiness: dict[str, str]
    facts: dict[str, str]


@dataclass(frozen=True)
class ConcordanceView:
    """Agreement of languages about concepts.

    Attributes:
        means: means over the pairs of languages, by kind of probe.
        pairs: pairs of languages, each with a cell per kind: captions' share, and people's as its note.
    """

    means: list[MeanConcordance]
    pairs: list[tuple[tuple[Language, Language], list[Cell]]]


def view_concordance(comparison: Comparison) -> ConcordanceView | None:
    """Return the view of the languages' concordance; None if no two languages have words of the same kind."""
    if not comparison.concordance:
        return None
    means = mean_concordance(comparison.concordance)
    by_pair: dict[tuple[str, str], dict[str, Concordance]] = {}
    for row in comparison.concordance:
        by_pair.setdefault(row.languages, {})[row.kind] = row
    pairs = []
    for (one, other), rows in by_pair.items():
        languages = comparison.evaluations[one].language, comparison.evaluations[other].language
        pairs.append((languages, [_concordance_cell(rows.get(mean.kind)) for mean in means]))
    return ConcordanceView(means, pairs)


def _concordance_cell(row: Concordance | None) -> Cell:
    """Return captions' share, and people's as the note."""
    return Cell(percent(row.captions), percent(row.people)) if row else Cell("–", "–")


def percent(share: float | None) -> str:
    """Format a share of 0 to 1 as a percentage."""
    return "–" if share is None else f"{100 * share:.1f} %"


def view_of(evaluation: Evaluation) -> LanguageView:
    """Return the view of a language."""
    scores = evaluation.scores
    by_people = is_human(scores.references_origin)
    count = _count(scores.references_per_photo)
    return LanguageView(
        language=evaluation.language,
        photos=scores.photos,
        origin=scores.references_origin,
        is_human=by_people,
        kind=KINDS[by_people],
        rows=_rows(evaluation),
        agreement_fault=scores.agreement if isinstance(scores.agreement, str) else "",
        diversity=_diversity(scores.diversity, scores.reference_diversity),
        frequent=scores.diversity.most_frequent,
        frequent_share=f"{100 * scores.diversity.most_frequent_share:.1f} %",
        bars=_bars(evaluation),
        mean_words=(scores.lengths.mean, scores.reference_lengths.mean),
        steadiness={change: percent(share) for change, share in evaluation.steadiness.items()},
        facts={
            "References": f"{scores.references_origin} ({KINDS[by_people]}), {count} per photo",
            "Intervals": f"95%, {scores.samples:,} samples of the photos, seed {scores.seed}",
            "Word tokenizer": evaluation.language.evaluation.sacrebleu_tokenizer,
            "Signature": scores.signature,
        },
    )


def group_by_references(comparison: Comparison) -> list[tuple[str, list[LanguageView]]]:
    """Return the languages in two groups, by whether people wrote their references; each with its title.

    Scores against machine translations measure similarity to that machine, so they never share a table with others.
    """
    views = [view_of(evaluation) for evaluation in comparison.evaluations.values()]
    groups = {
        True: "Against captions by people",
        False: "Against machine translations: similarity to a machine's output",
    }
    titled = [(title, [view for view in views if view.is_human is by_people]) for by_people, title in groups.items()]
    return [(title, members) for title, members in titled if members]


def _rows(evaluation: Evaluation) -> list[TableRow]:
    """Return the rows of the table of scores."""
    scores, agreement = evaluation.scores, evaluation.scores.agreement
    values = {key: scores.value(key) for key in METRICS}
    rows = [TableRow("polycap", _count(scores.references_per_photo), _cells(values, scores.intervals))]
    if not isinstance(agreement, str):
        count = _count(agreement.references_per_photo)
        rows.append(TableRow("polycap", count, _cells(agreement.captions, {}), is_secondary=True))
        rows.append(TableRow("people", count, _cells(agreement.people, {}), is_secondary=True))
    return rows


def _cells(values: Mapping[str, float | None], intervals: Mapping[str, float]) -> list[Cell]:
    """Return a cell per metric, with its interval."""
    return [
        Cell("–") if value is None else Cell(f"{value:.1f}", f"± {intervals[key]:.1f}" if key in intervals else "")
        for key, value in ((key, values.get(key)) for key in METRICS)
    ]


def _count(references: int | tuple[int, int]) -> str:
    """Format a number of references, or (fewest, most)."""
    return str(references) if isinstance(references, int) else f"{references[0]}–{references[1]}"


def _diversity(captions: Diversity, references: Diversity) -> list[tuple[str, Cell]]:
    """Return the columns of the table of diversity."""
    return [
        ("Different captions", Cell(_distinct_share(captions), _distinct_share(references))),
        ("Words used", Cell(f"{captions.vocabulary:,}", f"{references.vocabulary:,}")),
        ("Div-1", Cell(f"{captions.div1:.3f}", f"{references.div1:.3f}")),
        ("Div-2", Cell(f"{captions.div2:.3f}", f"{references.div2:.3f}")),
    ]


def _distinct_share(diversity: Diversity) -> str:
    """Format the share of captions that are distinct."""
    return f"{100 * diversity.distinct / diversity.captions:.1f} %"


def _bars(evaluation: Evaluation) -> list[LengthBar]:
    """Return the histogram of lengths, up to the longest caption and the 99th percentile of the references."""
    captions, references = evaluation.scores.lengths.counts, evaluation.scores.reference_lengths.counts
    size = max(len(captions), 1 + int(np.searchsorted(np.cumsum(references), 0.99 * sum(references))))

    def share(counts: tuple[int, ...], words: int) -> float:
        return counts[words] / sum(counts) if words < len(counts) else 0.0

    return [LengthBar(words, share(captions, words), share(references, words)) for words in range(size)]
