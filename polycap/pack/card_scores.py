"""The scores in a model card, for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from polycap.metrics import METRICS

__all__ = ["scores_text"]

Row = Mapping[str, Any]


def scores_text(scores: Sequence[Row]) -> str:
    """The section of a card, as Markdown; rows of earlier versions have less."""
    if not scores:
        return "None recorded yet: `polycap evaluate --record` adds them."
    lines = [
        f"| split | references | photos | {' | '.join(METRICS.values())} |",
        "|---|---|---|" + "---|" * len(METRICS),
    ]
    for score in scores:
        given = f"{score['split']} | {score['references_origin']} | {score['photos']}"
        lines.append(f"| {given} | {_figures(score, score.get('intervals', {}))} |")
        agreement = score.get("human_agreement", {})
        for who, name in (("captions", "the same"), ("people", "people's own captions")):
            if who in agreement:
                left = agreement["references_per_photo"]
                count = "–".join(map(str, left)) if isinstance(left, list) else left
                lines.append(
                    f"| {name}, against {count} | {score['references_origin']} | {agreement['photos']} "
                    f"| {_figures(agreement[who], {})} |"
                )
    signatures = "\n".join(f"- {score['split']}: `{score['signature']}`" for score in scores)
    notes = [f"- {score['split']}: {_diversity(score['diversity'])}" for score in scores if "diversity" in score]
    return "\n\n".join(["\n".join(lines), *(["\n".join(notes)] if notes else []), signatures])


def _figures(values: Mapping[str, Any], intervals: Mapping[str, float]) -> str:
    """Every metric with half its 95% interval; a card made before may lack some."""
    cells = []
    for key in METRICS:
        value = values.get(key)
        cell = "–" if value is None else f"{value:.1f}"
        cells.append(f"{cell} ± {intervals[key]:.1f}" if key in intervals and value is not None else cell)
    return " | ".join(cells)


def _diversity(found: Mapping[str, Any]) -> str:
    theirs = found["references"]
    return (
        f"{found['distinct']} of {found['captions']} captions are different (of as many references "
        f"{theirs['distinct']}), in {found['vocabulary']} words ({theirs['vocabulary']}); the most frequent one "
        f"describes {100 * found['most_frequent_share']:.1f}% of the photos"
    )
