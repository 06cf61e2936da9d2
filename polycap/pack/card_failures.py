"""Section of `CARD.md` about known failures of the captions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["failures_text"]

_SPLIT = "dev"  # preferred split: a decoder may be evaluated on it more than once
_SHOWN = 20  # maximum number of omitted words; card.json has all


def failures_text(scores: Sequence[Mapping[str, Any]]) -> str:
    """Return the failures of the captions of a row of scores as Markdown: that of dev, if it was recorded.

    Args:
        scores: rows of scores, with the result of `count_failures` as `failures`.
    """
    rows = sorted((row for row in scores if row.get("failures")), key=lambda row: row["split"] != _SPLIT)
    if not rows:
        return "Not looked for yet: `polycap evaluate --record` does."
    failures = rows[0]["failures"]
    head = f"Looked for in the captions of {failures['photos']:,} photos of the {rows[0]['split']} split"
    lines = [f"{head}, references: {rows[0]['references_origin']}.", ""]
    lines += [*_words(failures["words"]), *_mistaken(failures["mistaken"]), *_wordless(failures)]
    return "\n".join(lines)


def _words(words: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not words:
        yield "Counts, colours, men, women and dogs were not looked for: the language's folder has no `[probes]`."
        yield ""
        return
    yield "| | said | of these, also in a reference | in most references | of these, said |"
    yield "|---|---|---|---|---|"
    for category, row in words.items():
        right, found = _share(row["right"], row["said"]), _share(row["found"], row["wanted"])
        yield f"| {category} | {row['said']} | {right} | {row['wanted']} | {found} |"
    yield ""


def _mistaken(mistaken: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for name, row in mistaken.items():
        yield f"- {name.replace('_', ' ')}: {_share(row['times'], row['photos'])} of {row['photos']} photos"


def _wordless(failures: Mapping[str, Any]) -> Iterator[str]:
    most, never = failures["most_frequent_caption"], failures["never_said"]
    yield f"- most frequent caption: “{most['caption']}”, {_share(most['times'], failures['photos'])}"
    yield f"- different captions: {failures['different_captions']:,}"
    words = ", ".join(never["words"][:_SHOWN]) + (", …" if len(never["words"]) > _SHOWN else "")
    yield (
        f"- of the references' {never['of']} most frequent words, never said: {len(never['words'])}"
        + (f" ({words})" if words else "")
    )


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if whole else f"{part}"
