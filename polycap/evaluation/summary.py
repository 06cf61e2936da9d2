"""Summary of scores as text, from a row of `Scores.to_json`; rows of earlier versions have fewer keys."""

from collections.abc import Sequence
from typing import Any

from polycap.dataset import is_human
from polycap.metrics import METRICS, ScoreRow

__all__ = ["concordance_lines", "summary_lines"]

LABEL_WIDTH = 22
"""Width of the labels, characters."""


def summary_lines(row: ScoreRow) -> list[str]:
    """Return the lines that `polycap evaluate` prints."""
    head = {
        "language": row["language"] + (f", via {row['via']}" if row.get("via") else ""),
        "split": f"{row['split']}, {row['photos']:,} photos",
        "references": _describe_references(row),
    }
    lines = [f"{name:{LABEL_WIDTH}}{value}" for name, value in head.items()]
    lines += ["", *_figures(row)]
    lines += [f"{'':{LABEL_WIDTH}}{reason}" for reason in row.get("reasons", ())] + [""]
    if "diversity" in row:
        lines += _diversity(row["diversity"], row["lengths"])
    if steadiness := row.get("steadiness"):
        shares = ", ".join(f"{change}: {100 * share:.1f}%" for change, share in steadiness.items())
        lines.append(f"{'same caption':{LABEL_WIDTH}}{shares}")
    lines.append(f"{'signature':{LABEL_WIDTH}}{row['signature']}")
    if "missing" in row:
        lines.append(f"{'missing':{LABEL_WIDTH}}{row['missing']}")
    return lines


def concordance_lines(means: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines about the concordance of several languages: captions of all pairs, and beside people's."""
    if not means:
        return []
    lines = ["concordance, % of photos on which two languages agree, mean over the pairs of languages"]
    for row in means:
        line = f"{row['kind']:{LABEL_WIDTH}}{100 * row['captions']:6.1f}  ({_pairs(row['pairs'])})"
        if row["people"] is not None:
            captions, people = 100 * row["human_pairs_captions"], 100 * row["people"]
            line += f"    {captions:6.1f}  people {people:6.1f}  ({_pairs(row['human_pairs'])})"
        lines.append(line)
    return lines


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def _describe_references(row: ScoreRow) -> str:
    """Describe number and origin of the references; machine translations are named as such."""
    count = row["references_per_photo"]
    shown = f"{count[0]} to {count[1]}" if isinstance(count, list) else str(count)
    origin = row["references_origin"]
    return f"{shown} per photo, {origin}" + (
        "" if is_human(origin) else " (machine translation: similarity to a machine's output)"
    )


def _figures(row: ScoreRow) -> list[str]:
    """Return a line per metric, with the captions' score and that of people's captions."""
    agreement = row.get("human_agreement", {})
    people, captions = agreement.get("people", {}), agreement.get("captions", {})
    intervals = row.get("intervals", {})
    lines = []
    for key, name in METRICS.items():
        if row.get(key) is None:
            continue
        line = f"{name:{LABEL_WIDTH}}{row[key]:6.2f}"
        line += f" ± {intervals[key]:4.2f}" if key in intervals else ""
        line += f"    {captions[key]:6.2f}  people {people[key]:6.2f}" if key in people else ""
        lines.append(line)
    if intervals:
        bootstrap = row["bootstrap"]
        seed = "no seed" if bootstrap["seed"] is None else f"seed {bootstrap['seed']}"
        samples = f"{bootstrap['samples']:,} bootstrap samples of the photos"
        lines.append(f"{'':{LABEL_WIDTH}}± half the 95% interval: {samples}, {seed}")
    if people:
        count = agreement["references_per_photo"]
        count = f"{count[0]} to {count[1]}" if isinstance(count, list) else count
        lines.append(
            f"{'':{LABEL_WIDTH}}right: against {count} references; people: one reference per photo against its others"
        )
    elif agreement:
        lines.append(f"{'people':{LABEL_WIDTH}}not available: {agreement['unavailable']}")
    return lines


def _diversity(captions: ScoreRow, lengths: ScoreRow) -> list[str]:
    """Return the lines about diversity and lengths."""
    references = captions["references"]
    rows = {
        "different captions": f"{captions['distinct']:,} of {captions['captions']:,} "
        f"(references: {references['distinct']:,})",
        "words used": f"{captions['vocabulary']:,} (references: {references['vocabulary']:,})",
        "words per caption": f"{lengths['mean']:.1f} (references: {lengths['references']['mean']:.1f})",
        "most frequent": f"{100 * captions['most_frequent_share']:.1f}%: {captions['most_frequent']}",
    }
    return [f"{name:{LABEL_WIDTH}}{value}" for name, value in rows.items()]
