"""Several stages, as in `scripts/bench all`, each in its own process."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.table import missing

__all__ = ["COMPARISONS", "every_row", "run_stage"]

COMPARISONS: tuple[str, ...] = ("features", "caption", "train", "translate", "startup")
"""Stages of `all`."""
_SCRIPT = Path(__file__).parent.parent / "bench.py"


def every_row(options: Options, stages: Sequence[str] = COMPARISONS) -> list[dict[str, Any]]:
    """Run stages; return all rows, with the reason for a stage that can't be measured."""
    rows = []
    for stage in stages:
        print(f"{stage} …", file=sys.stderr, flush=True)
        rows += run_stage(stage, options)
    return rows


def run_stage(stage: str, options: Options) -> list[dict[str, Any]]:
    """Run a stage in its own process, and return its rows."""
    command = [sys.executable, "-P", str(_SCRIPT), stage, *_arguments(options), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows
    name = f"scripts/bench {stage}: "
    lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    reason = next((line.removeprefix(name) for line in lines if line.startswith(name)), lines[-1])
    return [missing(stage, reason)]


def _arguments(options: Options) -> list[str]:
    """Return the command-line arguments of options."""
    values = ((field.name, getattr(options, field.name), field.default) for field in fields(options))
    given = {name.replace("_", "-"): value for name, value, standard in values if value != standard}
    texts = {name: ",".join(map(str, value)) if isinstance(value, tuple) else value for name, value in given.items()}
    return [f"--{name}={text}" for name, text in texts.items()]
