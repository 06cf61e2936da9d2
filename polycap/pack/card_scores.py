"""Section of `CARD.md` about scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from polycap.metrics import METRICS, ScoreRow

__all__ = ["markdown_text", "scores_text"]


def markdown_text(value: object) -> str:
    """Return a value as text of Markdown: an origin may have a `<`."""
    return str(value).replace("<", "&lt;")


def scores_text(scores: Sequence[ScoreRow]) -> str:
    """Return the section as Markdown; rows of earlier versions have fewer keys."""
    if not scores:
        return "None recorded yet: `polycap evaluate --record` adds them."
    lines = [
        f"| split | references | photos | {' | '.join(METRICS.values())} |",
        "|---|---|---|" + "---|" * len(METRICS),
    ]
    for score in scores:
        origin = markdown_text(score["references_origin"])
        subject = f"{score['split']} | {origin} | {score['photos']}"
        lines.append(f"| {subject} | {_metrics(score, score.get('intervals', {}))} |")
        agreement = score.get("human_agreement", {})
        for author, name in (("captions", score["split"]), ("people", "people's captions")):
            if author in agreement:
                references = agreement["references_per_photo"]
                count = "–".join(map(str, references)) if isinstance(references, list) else references
                noun = "reference" if references == 1 else "references"
                lines.append(
                    f"| {name}, against {count} {noun} | {origin} | {agreement['photos']} "
                    f"| {_metrics(agreement[author], {})} |"
                )
    signatures = "\n".join(f"- {score['split']}: `{score['signature']}`" for score in scores)
    notes = [f"- {score['split']}: {_diversity(score['diversity'])}" for score in scores if "diversity" in score]
    return "\n\n".join(["\n".join(lines), *(["\n".join(notes)] if notes else []), signatures])


def _metrics(values: Mapping[str, Any], intervals: Mapping[str, float]) -> str:
    """Format all metrics with half their 95% intervals; an older card may lack some."""
    cells = []
    for key in METRICS:
        value = values.get(key)
        cell = "–" if value is None else f"{value:.1f}"
        cells.append(f"{cell} ± {intervals[key]:.1f}" if key in intervals and value is not None else cell)
    return " | ".join(cells)


def _diversity(captions: Mapping[str, Any]) -> str:
    """Describe the diversity of the captions, beside that of the references."""
    references = captions["references"]
    return (
        f"{captions['distinct']} of {captions['captions']} captions are different (references: "
        f"{references['distinct']}), with {captions['vocabulary']} words (references: {references['vocabulary']}); "
        f"{100 * captions['most_frequent_share']:.1f}% of the photos have the most frequent caption"
    )
