"""Scores in a few lines for people, from the row that `Scores.to_json` gives; rows of earlier versions have less."""

from collections.abc import Mapping
from typing import Any

from polycap.metrics import METRICS, is_human

__all__ = ["summary_lines"]

Row = Mapping[str, Any]
WIDTH = 22


def summary_lines(row: Row) -> list[str]:
    """What `polycap evaluate` prints."""
    head = {
        "language": row["language"] + (f", by way of {row['via']}" if row.get("via") else ""),
        "split": f"{row['split']}, {row['photos']:,} photos",
        "references": _describe_references(row),
    }
    lines = [f"{name:{WIDTH}}{value}" for name, value in head.items()]
    lines += ["", *_figures(row), ""]
    if "diversity" in row:
        lines += _diversity(row["diversity"], row["lengths"])
    lines.append(f"{'signature':{WIDTH}}{row['signature']}")
    if "missing" in row:
        lines.append(f"{'missing':{WIDTH}}{row['missing']}")
    return lines


def _describe_references(row: Row) -> str:
    """How many references a photo has, and who wrote them; a machine's are called so."""
    count = row["references_per_photo"]
    shown = f"{count[0]} to {count[1]}" if isinstance(count, list) else str(count)
    origin = row["references_origin"]
    return f"{shown} per photo, {origin}" + ("" if is_human(origin) else " (by machine: likeness to it is scored)")


def _figures(row: Row) -> list[str]:
    """A line per metric: the captions' score, and what people's captions score beside them."""
    agreement = row.get("human_agreement", {})
    people, alike = agreement.get("people", {}), agreement.get("captions", {})
    intervals = row.get("intervals", {})
    lines = []
    for key, name in METRICS.items():
        if row.get(key) is None:
            continue
        line = f"{name:{WIDTH}}{row[key]:6.2f}"
        line += f" ± {intervals[key]:4.2f}" if key in intervals else ""
        line += f"    {alike[key]:6.2f}  people {people[key]:6.2f}" if key in people else ""
        lines.append(line)
    if intervals:
        how = row["bootstrap"]
        seed = "no seed" if how["seed"] is None else f"seed {how['seed']}"
        lines.append(f"{'':{WIDTH}}± half the 95% interval: {how['samples']:,} samples of the photos, {seed}")
    if people:
        left = agreement["references_per_photo"]
        left = f"{left[0]} to {left[1]}" if isinstance(left, list) else left
        lines.append(
            f"{'':{WIDTH}}right: against {left} references, where people are one of a photo's against its others"
        )
    elif agreement:
        lines.append(f"{'people':{WIDTH}}not available: {agreement['unavailable']}")
    return lines


def _diversity(own: Row, lengths: Row) -> list[str]:
    theirs = own["references"]
    rows = {
        "different captions": f"{own['distinct']:,} of {own['captions']:,} (references: {theirs['distinct']:,})",
        "words used": f"{own['vocabulary']:,} (references: {theirs['vocabulary']:,})",
        "words per caption": f"{lengths['mean']:.1f} (references: {lengths['references']['mean']:.1f})",
        "most frequent": f"{100 * own['most_frequent_share']:.1f}%: {own['most_frequent']}",
    }
    return [f"{name:{WIDTH}}{value}" for name, value in rows.items()]
