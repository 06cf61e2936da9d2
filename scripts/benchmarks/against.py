"""`--against CHECKOUT`: polycap of this checkout compared with polycap of another one, in turns."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from benchmarks import threads
from benchmarks.checkout import ROOT, Checkout, in_environments, other_checkout
from benchmarks.options import BenchError, Options
from benchmarks.script_process import ScriptProcess
from benchmarks.sides import SECONDS, Turn, Work, comparison_row, in_turns
from benchmarks.table import missing
from polycap.errors import PolycapError

__all__ = ["CALLS", "COMPARED", "LEAST", "PHOTOS", "REPEATS", "against_rows", "interval_of_ratio"]

COMPARED = ("features", "caption", "train", "translate", "startup", "threads")
"""Stages that can be compared with another checkout's."""
LEAST = 0.97
"""Default ratio that the upper end of the interval must reach for a stage to pass."""
RESAMPLES = 10_000
REPEATS, PHOTOS, CALLS = 11, 64, 10
"""Defaults: turns of each side; photos of a turn (not for `train`, which is fast); calls of a thread in a turn."""
LONGEST_S = 1800.0
"""Seconds without an answer after which a side is killed: a first call traces, compiles, and may download."""
_SCRIPT = Path(__file__).with_name("serve_side.py")


def against_rows(
    stages: Sequence[str], given: Mapping[str, Any], wanted: str, least: float = LEAST, root: Path = ROOT
) -> list[dict[str, Any]]:
    """Measure stages; return their rows, with the reason for a stage that can't be measured.

    Args:
        stages: some of COMPARED.
        given: fields of `Options` by name, for both sides. (default of a field: as in `_options`)
        wanted: the other checkout: a folder or a git revision.
        least: ratio that the upper end of the interval must reach for a row to pass. (default: 0.97)
        root: folder of this checkout.

    Raises:
        BenchError: there is no such checkout, or no environment can be made for it.
    """
    name, folder = other_checkout(wanted, root)
    rows: list[dict[str, Any]] = []
    with in_environments(name, folder, root) as checkouts:
        for stage in stages:
            options = _options(stage, given)
            print(f"{stage}, {options.repeats} turns a side …", file=sys.stderr, flush=True)
            try:
                measured = _thread_rows if stage == "threads" else _stage_rows
                rows += [_judged(row, checkouts, least) for row in measured(stage, options, checkouts)]
            except (BenchError, PolycapError) as error:
                rows.append(missing(stage, str(error)))
    return rows


def interval_of_ratio(ours: ArrayLike, other: ArrayLike) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of medians, by bootstrap.

    Pairs of turns are drawn with replacement, RESAMPLES times with a fixed seed, and the ratio of the medians is
    computed for each draw; the interval lies between the 2.5th and the 97.5th percentile. Pairs are drawn, not turns,
    since other work of the machine slows both turns of a pair.
    """
    figures = np.stack([ours, other])  # (2, turns)
    turns = figures.shape[1]
    drawn = np.random.default_rng(0).integers(0, turns, (RESAMPLES, turns))
    medians = np.median(figures[:, drawn], axis=2)  # (2, RESAMPLES)
    low, high = np.quantile(medians[0] / medians[1], (0.025, 0.975))
    return float(low), float(high)


def _options(stage: str, given: Mapping[str, Any]) -> Options:
    """Return options with which a turn takes seconds."""
    sizes = {"repeats": REPEATS, "calls": CALLS, **({} if stage == "train" else {"photos": PHOTOS})}
    return Options(**{**sizes, **given})


def _judged(row: dict[str, Any], checkouts: Sequence[Checkout], least: float) -> dict[str, Any]:
    """Add the checkouts' names and whether it passes to a row."""
    row |= {"against": checkouts[1].name, "packages": checkouts[1].packages, "least": least}
    if "interval" in row:
        row["passes"] = row["interval"][1] >= least
    return row


def _stage_rows(stage: str, options: Options, checkouts: Sequence[Checkout]) -> list[dict[str, Any]]:
    """Measure each of this checkout's comparisons of a stage, each side in its own process; return a row for each."""
    rows: list[dict[str, Any]] = []
    while True:
        names = [row["bench"] for row in rows]
        with ExitStack() as stack:
            ours = stack.enter_context(closing(_Side(checkouts[0], stage, options, without=names)))
            if ours.bench is None:
                return rows
            other = stack.enter_context(closing(_Side(checkouts[1], stage, options, only=ours.bench)))
            if other.bench is None:
                rows.append(missing(ours.bench, f"{checkouts[1].name} has no such comparison"))
                continue
            turns = in_turns([ours.turn, other.turn], options.repeats)
            works = [side.work(taken) for side, taken in zip((ours, other), turns, strict=True)]
        rows.append(_with_interval(comparison_row(ours.bench, ours.unit, *works), ours.unit, *works))


def _thread_rows(_: str, options: Options, checkouts: Sequence[Checkout]) -> list[dict[str, Any]]:
    """Measure `threads`: a ratio if the calls of both checkouts succeed, else whether those of this one do."""
    row, works = threads.compared(options, checkouts)
    return [_with_interval(row, "photos/s", *works) if works else row]


def _with_interval(row: dict[str, Any], unit: str, ours: Work, other: Work) -> dict[str, Any]:
    figures = [work.figures(unit) for work in (ours, other)]
    low, high = interval_of_ratio(*(figures[::-1] if unit == SECONDS else figures))
    return row | {"interval": [float(f"{low:.3g}"), float(f"{high:.3g}")]}


class _Side:
    """polycap's side of one comparison, in a checkout's environment. See `benchmarks.serve_side`.

    Attributes:
        bench: the comparison's name; None if the stage has no such comparison.
        unit: the unit of its figures.
    """

    def __init__(
        self, checkout: Checkout, stage: str, options: Options, without: Sequence[str] = (), only: str | None = None
    ) -> None:
        values = {field.name: getattr(options, field.name) for field in fields(options)}
        paths = {name: str(value.absolute()) for name, value in values.items() if isinstance(value, Path)}
        job: dict[str, Any] = {"checkout": str(checkout.folder), "stage": stage, "without": list(without), "only": only}
        job |= {"options": {name: value for name, value in values.items() if name not in paths}, "paths": paths}
        self._name = checkout.name
        self._process = ScriptProcess(checkout.python, _SCRIPT, checkout.path, job)
        try:
            ready = self._receive()
        except BaseException:
            self.close()
            raise
        self.bench: str | None = ready and ready["bench"]
        self.unit, self._about, self._size = (ready[key] if ready else "" for key in ("unit", "about", "size"))

    def turn(self) -> Turn:
        """See `Side.turn`."""
        self._process.send("turn")
        return Turn(**self._receive())

    def work(self, turns: Sequence[Turn]) -> Work:
        """Return the side's figures and its peak memory."""
        self._process.send("memory")
        return Work(f"{self._name}: {self._about}", self._size, self._receive(), turns)

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _receive(self) -> Any:
        try:
            answer = self._process.receive(LONGEST_S)
        except BenchError as error:
            raise BenchError(f"{self._name}: {error}") from error
        if isinstance(answer, dict) and "error" in answer:
            raise BenchError(f"{self._name}: {answer['error']}")
        return answer
