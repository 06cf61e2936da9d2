"""Section of `CARD.md` about known failures of the captions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from polycap.pack.card_scores import markdown_text

__all__ = ["failures_text"]

_PREFERRED_SPLIT = "dev"  # a decoder may be evaluated on it more than once
_WORDS_SHOWN = 20  # maximum number of omitted words; card.json has all


def failures_text(scores: Sequence[Mapping[str, Any]]) -> str:
    """Return the failures of one row of scores as Markdown, preferably of the dev split.

    Args:
        scores: rows of scores, with the result of `count_failures` as `failures`.
    """
    rows = sorted((row for row in scores if row.get("failures")), key=lambda row: row["split"] != _PREFERRED_SPLIT)
    if not rows:
        return "Not counted yet: `polycap evaluate --record` counts them."
    failures = rows[0]["failures"]
    head = f"Counted in the captions of {failures['photos']:,} photos of the {rows[0]['split']} split"
    lines = [f"{head}, references: {markdown_text(rows[0]['references_origin'])}.", ""]
    lines += [*_concepts(failures["words"]), *_confusions(failures["mistaken"]), *_repetitions(failures)]
    return "\n".join(lines)


def _concepts(words: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table of concept words, with precision and recall."""
    if not words:
        yield "Counts, colours, people and dogs were not counted: the language's folder has no `[probes]`."
        yield ""
        return
    yield "| | in captions | of these, in a reference | in most references | of these, in the caption |"
    yield "|---|---|---|---|---|"
    for category, row in words.items():
        precision, recall = _with_share(row["right"], row["said"]), _with_share(row["found"], row["wanted"])
        yield f"| {category} | {row['said']} | {precision} | {row['wanted']} | {recall} |"
    yield ""


def _confusions(confusions: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Yield a line per confusion of men and women."""
    for name, row in confusions.items():
        yield f"- {name.replace('_', ' ')}: {_with_share(row['times'], row['photos'])} of {row['photos']} photos"


def _repetitions(failures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines about repeated captions and omitted words."""
    most, omitted = failures["most_frequent_caption"], failures["never_said"]
    yield f"- most frequent caption: “{most['caption']}”, {_with_share(most['times'], failures['photos'])}"
    yield f"- different captions: {failures['different_captions']:,}"
    words = ", ".join(omitted["words"][:_WORDS_SHOWN]) + (", …" if len(omitted["words"]) > _WORDS_SHOWN else "")
    yield (
        f"- of the references' {omitted['of']} most frequent words, missing from all captions: {len(omitted['words'])}"
        + (f" ({words})" if words else "")
    )


def _with_share(part: int, whole: int) -> str:
    """Format a number, with its share of the whole."""
    return f"{part} ({part / whole:.0%})" if whole else f"{part}"
