"""A comparison as both the page and the Markdown show it: every number as text, in the order of the tables."""

from collections.abc import Mapping
from dataclasses import dataclass

from polycap.evaluation.compare import Comparison
from polycap.evaluation.evaluate import Evaluation
from polycap.language import Language
from polycap.metrics import METRICS, Diversity, is_human

__all__ = ["Cell", "LanguageView", "LengthBar", "ScoreRow", "group_by_references", "view_of"]

KINDS = {True: "written by people", False: "machine translation"}


@dataclass(frozen=True)
class Cell:
    """A figure and what stands small beside it."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class ScoreRow:
    """One row of the table of scores: whose captions, against how many references, and a cell per metric."""

    who: str
    against: str
    cells: list[Cell]
    quiet: bool = False


@dataclass(frozen=True)
class LengthBar:
    """How many captions, and how many references, have so many words: shares, 0 to 1."""

    words: int
    captions: float
    references: float


@dataclass(frozen=True)
class LanguageView:
    """One language's figures.

    Attributes:
        language: code, names, direction.
        origin: of the references; `is_human` says whether people wrote them, `kind` the same in words.
        rows: of the table of scores.
        no_people: why people's own score is not among them.
        diversity: rows of the table of diversity.
        frequent: the most frequent caption; `frequent_share` for which share of the photos.
        bars: the histogram of lengths; `mean_words` of captions and of references.
        facts: what a reader may want to look up, by name.
    """

    language: Language
    photos: int
    origin: str
    by_people: bool
    kind: str
    rows: list[ScoreRow]
    no_people: str
    diversity: list[tuple[str, Cell]]
    frequent: str
    frequent_share: str
    bars: list[LengthBar]
    mean_words: tuple[float, float]
    facts: dict[str, str]


def view_of(evaluation: Evaluation) -> LanguageView:
    """What is shown of a language."""
    scores = evaluation.scores
    people = is_human(scores.references_origin)
    frequent = scores.diversity
    count = _count(scores.references_per_photo)
    return LanguageView(
        language=evaluation.language,
        photos=scores.photos,
        origin=scores.references_origin,
        by_people=people,
        kind=KINDS[people],
        rows=_rows(evaluation),
        no_people=scores.agreement if isinstance(scores.agreement, str) else "",
        diversity=_diversity(scores.diversity, scores.reference_diversity),
        frequent=frequent.most_frequent,
        frequent_share=f"{100 * frequent.most_frequent_share:.1f} %",
        bars=_bars(evaluation),
        mean_words=(scores.lengths.mean, scores.reference_lengths.mean),
        facts={
            "References": f"{scores.references_origin} ({KINDS[people]}), {count} a photo",
            "Intervals": f"95%, {scores.samples:,} samples of the photos, seed {scores.seed}",
            "Words are counted by": f"sacreBLEU's tokenizer {evaluation.language.evaluation.sacrebleu_tokenizer}",
            "Signature": scores.signature,
        },
    )


def group_by_references(comparison: Comparison) -> list[tuple[str, list[LanguageView]]]:
    """The languages whose references people wrote, and apart from them those whose references a machine did.

    The two are never in one list: against a machine's references, what is scored is likeness to that machine.
    """
    views = [view_of(evaluation) for evaluation in comparison.evaluations.values()]
    groups = {True: "Against captions by people", False: "Against machine translations: likeness to a machine's words"}
    found = [(title, [view for view in views if view.by_people is people]) for people, title in groups.items()]
    return [(title, members) for title, members in found if members]


def _rows(evaluation: Evaluation) -> list[ScoreRow]:
    scores, agreement = evaluation.scores, evaluation.scores.agreement
    values = {key: scores.value(key) for key in METRICS}
    against = _count(scores.references_per_photo)
    rows = [ScoreRow("polycap", against, _cells(values, scores.intervals))]
    if not isinstance(agreement, str):
        left = _count(agreement.references_per_photo)
        rows.append(ScoreRow("polycap", left, _cells(agreement.captions, {}), quiet=True))
        rows.append(ScoreRow("people", left, _cells(agreement.people, {}), quiet=True))
    return rows


def _cells(values: Mapping[str, float | None], intervals: Mapping[str, float]) -> list[Cell]:
    return [
        Cell("–") if value is None else Cell(f"{value:.1f}", f"± {intervals[key]:.1f}" if key in intervals else "")
        for key, value in ((key, values.get(key)) for key in METRICS)
    ]


def _count(references: int | tuple[int, int]) -> str:
    return str(references) if isinstance(references, int) else f"{references[0]}–{references[1]}"


def _diversity(own: Diversity, theirs: Diversity) -> list[tuple[str, Cell]]:
    return [
        ("Different captions", Cell(f"{_percent(own.distinct, own)}", _percent(theirs.distinct, theirs))),
        ("Words used", Cell(f"{own.vocabulary:,}", f"{theirs.vocabulary:,}")),
        ("Div-1", Cell(f"{own.div1:.3f}", f"{theirs.div1:.3f}")),
        ("Div-2", Cell(f"{own.div2:.3f}", f"{theirs.div2:.3f}")),
    ]


def _percent(distinct: int, of: Diversity) -> str:
    return f"{100 * distinct / of.captions:.1f} %"


def _bars(evaluation: Evaluation) -> list[LengthBar]:
    """Up to the length that all captions and all but a hundredth of the references keep within."""
    own, theirs = evaluation.scores.lengths.counts, evaluation.scores.reference_lengths.counts
    total, seen, last = sum(theirs), 0, len(theirs) - 1
    for words, count in enumerate(theirs):
        seen += count
        if seen >= 0.99 * total:
            last = words
            break
    size = max(last + 1, len(own))

    def share(counts: tuple[int, ...], words: int) -> float:
        return counts[words] / sum(counts) if words < len(counts) else 0.0

    return [LengthBar(words, share(own, words), share(theirs, words)) for words in range(size)]
