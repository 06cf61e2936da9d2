"""The report as Markdown: the page's tables and examples, without photos."""

from collections.abc import Sequence

from polycap.evaluation.compare import Comparison
from polycap.evaluation.examples import Examples, ShownExample
from polycap.evaluation.report import notes
from polycap.evaluation.report.view import LanguageView, group_by_references
from polycap.metrics import METRICS

__all__ = ["comparison_markdown"]

_LEVELS = " ▁▂▃▄▅▆▇█"


def comparison_markdown(comparison: Comparison) -> str:
    """The whole text."""
    groups = group_by_references(comparison)
    views = [view for _, members in groups for view in members]
    parts = [f"# How good the captions are: {comparison.dataset}, {comparison.split} split"]
    for title, members in groups:
        parts += [f"## {title}", _scores(members)]
    parts += [f"{notes.INTERVALS} {notes.PEOPLE}"]
    lacking = [view for view in views if view.no_people]
    parts += [f"- {_name(view)}: people's score is not available: {view.no_people}." for view in lacking]
    parts += ["## Variety", _variety(views), "In brackets: as many references."]
    parts += ["## Length in words", *(_lengths(view) for view in views)]
    for view in views:
        parts += [f"## {_name(view)}", _facts(view), *_examples(comparison.examples[view.language.code])]
    if comparison.left_out:
        parts += ["## Left out", "\n".join(f"- {code}: {_text(why)}" for code, why in comparison.left_out.items())]
    parts += ["## What the figures are", "\n".join(f"- {name}: {text}" for name, text in notes.FIGURES.items())]
    return "\n\n".join(parts) + "\n"


def _name(view: LanguageView) -> str:
    return f"{view.language.native_name} ({view.language.code})"


def _scores(views: Sequence[LanguageView]) -> str:
    rows = [["Language", "References", "Photos", "Whose captions", *METRICS.values()]]
    for view in views:
        for row in view.rows:
            cells = [f"{cell.text} {cell.note}".strip() for cell in row.cells]
            origin = f"{row.against} × {view.origin}" + ("" if view.by_people else f" (**{view.kind}**)")
            rows.append([_name(view), origin, f"{view.photos:,}", row.who, *cells])
    return _table(rows)


def _variety(views: Sequence[LanguageView]) -> str:
    names = [name for name, _ in views[0].diversity]
    rows = [["Language", "References", *names, "Most frequent caption"]]
    for view in views:
        cells = [f"{cell.text} ({cell.note})" for _, cell in view.diversity]
        rows.append([_name(view), f"{view.origin}, {view.kind}", *cells, f"{view.frequent_share}: {view.frequent}"])
    return _table(rows)


def _lengths(view: LanguageView) -> str:
    own, theirs = view.mean_words
    lines = [
        f"{_name(view)}, 0 to {len(view.bars) - 1} words",
        f"captions    {_sparks([bar.captions for bar in view.bars])}  mean {own:.1f}",
        f"references  {_sparks([bar.references for bar in view.bars])}  mean {theirs:.1f} ({view.origin}, {view.kind})",
    ]
    return "\n".join(["```", *lines, "```"])


def _sparks(shares: Sequence[float]) -> str:
    most = max(shares)
    return "".join(_LEVELS[round(share / most * (len(_LEVELS) - 1))] for share in shares)


def _facts(view: LanguageView) -> str:
    return "\n".join(f"- {name}: `{value}`" for name, value in view.facts.items())


def _examples(examples: Examples) -> list[str]:
    parts = []
    for title, members in (("Best", examples.best), ("Worst", examples.worst)):
        if members:
            parts += [f"### {title}, by {examples.metric}", "\n".join(map(_example, members))]
    return parts


def _example(example: ShownExample) -> str:
    references = "\n".join(f"  - {_text(text)}" for text in example.references)
    return f"- {_text(example.photo.name)} ({example.score:.1f}): **{_text(example.caption) or '–'}**\n{references}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ([_text(cell).replace("|", "\\|") for cell in row] for row in rows)
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def _text(text: str) -> str:
    """On one line, and `<` no mark of HTML."""
    return " ".join(text.split()).replace("<", "&lt;")
