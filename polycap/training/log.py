"""Log of a run, `log.csv`."""

import csv
from collections.abc import Sequence
from pathlib import Path

__all__ = ["LOG", "time_spent"]

LOG = "log.csv"
"""Name of the log, in the folder of each phase: one row per epoch."""


def time_spent(logs: Sequence[Path]) -> dict[str, float]:
    """Sum the time of all epochs, those before an interruption included; rounded, by description in the card.

    Args:
        logs: the log of each phase; a phase without epochs has none.
    """
    rows = []
    for log in logs:
        if log.is_file():
            with log.open(encoding="utf-8", newline="") as stream:
                rows += list(csv.DictReader(stream))
    seconds = [float(row["seconds"]) for row in rows]
    scoring = [float(row.get("dev_seconds") or 0) for row in rows]  # logs of older versions lack this column
    return {
        "minutes of training": round(sum(seconds) / 60, 1),
        "minutes of scoring epochs": round(sum(scoring) / 60, 1),
        "seconds per epoch": round(sum(seconds) / max(1, len(seconds)), 1),
    }
