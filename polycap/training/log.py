"""A run's `log.csv`."""

import csv
from collections.abc import Sequence
from pathlib import Path

__all__ = ["LOG", "time_spent"]

LOG = "log.csv"
"""In a run's folder, and in that of its self-critical phase: a row per epoch."""


def time_spent(logs: Sequence[Path]) -> dict[str, float]:
    """How long all epochs took on the clock, those before a run was killed included.

    Args:
        logs: the `log.csv` of each phase; one that is not there was not needed.
    """
    rows = []
    for log in logs:
        if log.is_file():
            with log.open(encoding="utf-8", newline="") as stream:
                rows += list(csv.DictReader(stream))
    seconds = [float(row["seconds"]) for row in rows]
    scoring = [float(row.get("dev_seconds") or 0) for row in rows]  # a run that an older polycap began has none
    return {
        "minutes of training": round(sum(seconds) / 60, 1),
        "minutes of scoring epochs": round(sum(scoring) / 60, 1),
        "seconds per epoch": round(sum(seconds) / max(1, len(seconds)), 1),
    }
