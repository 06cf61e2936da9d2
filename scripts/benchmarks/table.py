"""Rows as JSON, and as text."""

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from polycap.machine.processor import core_count, processor

__all__ = ["KEYS", "as_json", "as_text", "missing", "with_machine"]

Row = Mapping[str, Any]

KEYS = ("bench", "ours", "baseline", "ratio", "unit", "repeats")
"""Keys of every row of a comparison. The figures are null if it can't be measured; `missing` has the reason."""


def missing(bench: str, reason: str) -> dict[str, Any]:
    """Return a row for a comparison that can't be measured."""
    return {**dict.fromkeys(KEYS), "bench": bench, "repeats": 0, "missing": reason}


def with_machine(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Add a description of the machine to rows. Each side may use all threads."""
    machine = f"{processor()}, {platform.system()} {platform.machine()}"
    return [{**row, "threads": core_count(), "machine": machine} for row in rows]


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows as a JSON list of objects."""
    return json.dumps(rows, indent=2, ensure_ascii=False)


def as_text(rows: Sequence[Row]) -> str:
    """Return a table of the comparisons, a description of their sides, and other rows line by line."""
    compared = [row for row in rows if row.get("ratio") is not None]
    parts = [_table(compared), *map(_sides, compared)] if compared else []
    for row in rows:
        if "missing" in row:
            parts.append(f"{row['bench']}: not measured: {row['missing']}")
        elif "ratio" not in row:
            hidden = ("bench", "machine", "threads", "against", "packages", "least", "passes")
            figures = [f"{key} {value}" for key, value in row.items() if key not in hidden]
            parts.append("  ".join([f"{row['bench']}:", *figures, *_verdict(row)]))
    if judged := [row for row in rows if "least" in row]:
        parts.append("against {against}, {packages}; passes if the interval reaches {least:g}".format(**judged[0]))
    if rows:
        parts.append(f"{rows[0]['threads']} threads, {rows[0]['machine']}")
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    judged = all("interval" in row for row in rows)
    last = ("(95 %)", "unit", "repeats", "load", "verdict") if judged else ("(from to)", "unit", "repeats", "load")
    lines = [("bench", "ours", "(from to)", "baseline", "(from to)", "ratio", *last)]
    for row in rows:
        figures = [cell for name in ("ours", "baseline") for cell in (f"{row[name]:g}", _range(row[f"{name}_spread"]))]
        figures += [f"{row['ratio']:g}", _range(row["interval" if judged else "ratio_spread"])]
        lines.append((row["bench"], *figures, row["unit"], str(row["repeats"]), str(row["load"]), *_verdict(row)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = {"ours", "baseline", "ratio", "repeats", "load"}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if head in right else cell.ljust(width)
            for head, cell, width in zip(lines[0], line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _verdict(row: Row) -> list[str]:
    return ["passes" if row["passes"] else "FAILS"] if "passes" in row else []


def _range(ends: Sequence[float]) -> str:
    return f"({ends[0]:g} {ends[1]:g})"


def _sides(row: Row) -> str:
    more = {
        key: value
        for key, value in row.items()
        if key.endswith(("_peak_mb", "_cpu_seconds", "_one_thread_photos_per_s", "same_output"))
    }
    lines = [f"{row['bench']}:"]
    for name in ("ours", "baseline"):
        figures = [
            f"{key.removeprefix(f'{name}_').replace('_', ' ')} {value:g}"
            for key, value in more.items()
            if key.startswith(f"{name}_")
        ]
        lines.append(f"  {name}: {row[f'{name}_is']}; " + ", ".join([row[f"{name}_size"], *figures]))
    if "same_output" in more:
        lines.append(f"  the same output: {more['same_output']}")
    return "\n".join(lines)
