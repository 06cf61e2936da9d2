"""Markdown report: tables and examples of the page, without photos."""

from collections.abc import Sequence

from polycap.evaluation.compare import Comparison
from polycap.evaluation.examples import Examples, ShownExample
from polycap.evaluation.report import notes
from polycap.evaluation.report.view import ConcordanceView, LanguageView, group_by_references, percent, view_concordance
from polycap.metrics import METRICS

__all__ = ["comparison_markdown"]

_BAR_LEVELS = " ▁▂▃▄▅▆▇█"


def comparison_markdown(comparison: Comparison) -> str:
    """Return the report as Markdown."""
    groups = group_by_references(comparison)
    views = [view for _, members in groups for view in members]
    parts = [f"# Scores of captions: {comparison.dataset}, {comparison.split} split"]
    for title, members in groups:
        parts += [f"## {title}", _scores(members)]
    parts += [f"{notes.INTERVALS} {notes.PEOPLE}"]
    parts += [
        f"- {_name(view)}: people's score is not available: {view.agreement_fault}."
        for view in views
        if view.agreement_fault
    ]
    parts += ["## Variety", _variety(views), "In brackets: the first reference of each photo."]
    parts += ["## Length in words", *(_lengths(view) for view in views)]
    if concordance := view_concordance(comparison):
        parts += [
            "## Concordance",
            _means(concordance),
            _pairs(concordance),
            f"{notes.CONCORDANCE} In brackets: people.",
        ]
    if views[0].steadiness:
        rows = [["Language", *views[0].steadiness], *([_name(view), *view.steadiness.values()] for view in views)]
        parts += ["## Steadiness", _table(rows), notes.STEADINESS]
    for view in views:
        parts += [f"## {_name(view)}", _facts(view), *_examples(comparison.examples[view.language.code])]
    if comparison.left_out:
        parts += [
            "## Left out",
            "\n".join(f"- {code}: {_text(reason)}" for code, reason in comparison.left_out.items()),
        ]
    parts += ["## Metrics", "\n".join(f"- {name}: {text}" for name, text in notes.FIGURES.items())]
    return "\n\n".join(parts) + "\n"


def _name(view: LanguageView) -> str:
    """Return name and code of a language."""
    return f"{view.language.native_name} ({view.language.code})"


def _scores(views: Sequence[LanguageView]) -> str:
    """Return the table of scores."""
    rows = [["Language", "References", "Photos", "Captions", *METRICS.values()]]
    for view in views:
        for row in view.rows:
            cells = [f"{cell.text} {cell.note}".strip() for cell in row.cells]
            origin = f"{row.references} × {view.origin}" + ("" if view.is_human else f" (**{view.kind}**)")
            rows.append([_name(view), origin, f"{view.photos:,}", row.author, *cells])
    return _table(rows)


def _variety(views: Sequence[LanguageView]) -> str:
    """Return the table of diversity."""
    names = [name for name, _ in views[0].diversity]
    rows = [["Language", "References", *names, "Most frequent caption"]]
    for view in views:
        cells = [f"{cell.text} ({cell.note})" for _, cell in view.diversity]
        rows.append([_name(view), f"{view.origin}, {view.kind}", *cells, f"{view.frequent_share}: {view.frequent}"])
    return _table(rows)


def _lengths(view: LanguageView) -> str:
    """Return the histograms of lengths."""
    caption_mean, reference_mean = view.mean_words
    captions = _spark_bars([bar.captions for bar in view.bars])
    references = _spark_bars([bar.references for bar in view.bars])
    lines = [
        f"{_name(view)}, 0 to {len(view.bars) - 1} words",
        f"captions    {captions}  mean {caption_mean:.1f}",
        f"references  {references}  mean {reference_mean:.1f} ({view.origin}, {view.kind})",
    ]
    return "\n".join(["```", *lines, "```"])


def _spark_bars(shares: Sequence[float]) -> str:
    """Return a histogram as one character per bar."""
    highest = max(shares)
    return "".join(_BAR_LEVELS[round(share / highest * (len(_BAR_LEVELS) - 1))] for share in shares)


def _means(concordance: ConcordanceView) -> str:
    """Return the table of mean concordance."""
    rows = [["Kind", "Pairs of languages", "Captions", "Pairs with people's captions", "Captions", "People"]]
    for mean in concordance.means:
        beside = [percent(mean.human_pairs_captions), percent(mean.people)]
        rows.append([mean.kind, str(mean.pairs), percent(mean.captions), str(mean.human_pairs), *beside])
    return _table(rows)


def _pairs(concordance: ConcordanceView) -> str:
    """Return the table of the concordance of each pair of languages."""
    rows = [["Languages", *(mean.kind for mean in concordance.means)]]
    for (one, other), cells in concordance.pairs:
        rows.append([f"{one.code}, {other.code}", *(f"{cell.text} ({cell.note})" for cell in cells)])
    return _table(rows)


def _facts(view: LanguageView) -> str:
    """Return the list of facts."""
    return "\n".join(f"- {name}: `{value}`" for name, value in view.facts.items())


def _examples(examples: Examples) -> list[str]:
    """Return the sections of the best and the worst captions."""
    parts = []
    for title, members in (("Best", examples.best), ("Worst", examples.worst)):
        if members:
            parts += [f"### {title}, by {examples.metric}", "\n".join(map(_example, members))]
    return parts


def _example(example: ShownExample) -> str:
    """Return a caption with its references as a list item."""
    references = "\n".join(f"  - {_text(text)}" for text in example.references)
    return f"- {_text(example.photo.name)} ({example.score:.1f}): **{_text(example.caption) or '–'}**\n{references}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table, of which the first row is the head."""
    head, *body = ([_text(cell).replace("|", "\\|") for cell in row] for row in rows)
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def _text(text: str) -> str:
    """Put a text on one line and escape `<`."""
    return " ".join(text.split()).replace("<", "&lt;")
