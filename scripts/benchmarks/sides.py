"""Two sides of a comparison, each in its own process, which take turns."""

import os
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

from benchmarks.memory import peak_memory_mb
from benchmarks.options import BenchError
from polycap.errors import PolycapError

__all__ = ["SECONDS", "Side", "SideProcess", "Turn", "Work", "apart", "compare", "comparison_row", "in_turns"]

SECONDS = "s"
"""Unit of durations, of which less is better; any other unit is a rate, such as photos/s."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Turn:
    """Result of one turn of a side.

    Attributes:
        amount: amount of work, such as the number of photos.
        seconds: seconds by the clock.
        output: outputs by input, if the sides are expected to agree.
        more: other figures of the turn, by name; `peak_mb` replaces the memory of the side's process.
    """

    amount: float
    seconds: float
    output: dict[str, str] = field(default_factory=dict)
    more: dict[str, float] = field(default_factory=dict)


class Side(Protocol):
    """One side of a comparison. Its constructor, which is not timed, loads models and data.

    Attributes:
        about: description of the side and its runtime.
        size: amount of work of a turn, such as "512 photos".
    """

    about: str
    size: str

    def warm_up(self) -> None:
        """Do the work of first calls only, such as compiling."""

    def turn(self) -> Turn:
        """Do the work, timed."""


class SideProcess:
    """A side in its own process, so that the sides don't share memory, threads and settings."""

    def __init__(self, make: Callable[[], Side]) -> None:
        """Start the process, make the side there and warm it up. `make` is pickled: it must be a module's function."""
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        try:
            self.about, self.size = self._ask(_sit, make)
        except BaseException:
            self.close()
            raise

    def turn(self) -> Turn:
        """See `Side.turn`."""
        return self._ask(_take_turn)

    def memory_mb(self) -> int:
        """Return the peak memory of the process so far."""
        return self._ask(peak_memory_mb)

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()

    def _ask(self, function: Callable[..., Found], *arguments: Any) -> Found:
        try:
            return self._pool.submit(function, *arguments).result()
        except PolycapError as error:
            raise BenchError(str(error)) from error
        except BrokenProcessPool as error:
            raise BenchError("a side's process was killed; is there enough memory?") from error


_served_sides: list[Side] = []  # of a process that sits at the other end of a SideProcess


def _sit(make: Callable[[], Side]) -> tuple[str, str]:
    side = make()
    side.warm_up()
    _served_sides[:] = [side]
    return side.about, side.size


def _take_turn() -> Turn:
    return _served_sides[0].turn()


def apart(function: Callable[..., Found], *arguments: Any) -> Found:
    """Call a function in its own process, and return its result."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except PolycapError as error:
            raise BenchError(str(error)) from error
        except BrokenProcessPool as error:
            raise BenchError(f"the process of {function.__name__} was killed; is there enough memory?") from error


def compare(
    bench: str, unit: str, ours: Callable[[], Side], baseline: Callable[[], Side], repeats: int
) -> dict[str, Any]:
    """Measure both sides in turns; return a row of their medians and spreads.

    `ratio` is polycap's speed divided by the baseline's, of the medians; its spread is that of the pairs of turns.

    Args:
        bench: name of the row.
        unit: unit of a turn's figure: SECONDS, or a rate.
        ours: function that makes polycap's side.
        baseline: function that makes the other side.
        repeats: number of turns of each side.

    Raises:
        BenchError: a side failed.
    """
    with ExitStack() as stack:
        seats = [stack.enter_context(closing(SideProcess(make))) for make in (ours, baseline)]
        turns = in_turns([seat.turn for seat in seats], repeats)
        works = [Work(seat.about, seat.size, seat.memory_mb(), taken) for seat, taken in zip(seats, turns, strict=True)]
    return comparison_row(bench, unit, works[0], works[1])


def in_turns(actions: Sequence[Callable[[], Found]], repeats: int) -> list[list[Found]]:
    """Call both actions in turns, the first of each pair alternating; return what each returned."""
    returned: list[list[Found]] = [[], []]
    for repeat in range(repeats):
        for index in (0, 1) if repeat % 2 == 0 else (1, 0):  # the order alternates
            returned[index].append(actions[index]())
    return returned


@dataclass(frozen=True)
class Work:
    """Turns of a side.

    Attributes:
        about: description of the side and its runtime.
        size: amount of work of a turn, such as "512 photos".
        memory_mb: peak memory of the process; None if each turn had another process.
        turns: in order.
    """

    about: str
    size: str
    memory_mb: int | None
    turns: Sequence[Turn]

    def figures(self, unit: str) -> list[float]:
        """Return the figure of each turn, in `unit`."""
        return [turn.seconds / turn.amount if unit == SECONDS else turn.amount / turn.seconds for turn in self.turns]


def comparison_row(bench: str, unit: str, ours: Work, baseline: Work) -> dict[str, Any]:
    """Return a row of medians and spreads of both sides, and their ratio, as for `compare`."""
    figures = [work.figures(unit) for work in (ours, baseline)]
    pairs = [_times(one, other, unit) for one, other in zip(*figures, strict=True)]
    medians = [statistics.median(each) for each in figures]
    row: dict[str, Any] = {"bench": bench, "ours": _short(medians[0]), "baseline": _short(medians[1])}
    row |= {"ratio": _short(_times(medians[0], medians[1], unit)), "unit": unit, "repeats": len(pairs)}
    row |= {"ratio_spread": _spread(pairs)}
    for name, work, values in zip(("ours", "baseline"), (ours, baseline), figures, strict=True):
        row |= {f"{name}_spread": _spread(values), f"{name}_is": work.about}
        row |= {f"{name}_size": work.size}
        row |= {} if work.memory_mb is None else {f"{name}_peak_mb": work.memory_mb}
        row |= {f"{name}_{key}": _short(value) for key, value in _more(work.turns).items()}
    agreement = _agreement(ours.turns[-1].output, baseline.turns[-1].output)
    return row | agreement | {"load": round(os.getloadavg()[0], 1)}


def _times(ours: float, baseline: float, unit: str) -> float:
    return baseline / ours if unit == SECONDS else ours / baseline


def _spread(values: Sequence[float]) -> list[float]:
    return [_short(min(values)), _short(max(values))]


def _short(value: float) -> float:
    """Round to three significant digits."""
    return float(f"{value:.3g}")


def _more(turns: Sequence[Turn]) -> dict[str, float]:
    return {key: statistics.median(turn.more[key] for turn in turns) for key in turns[0].more}


def _agreement(ours: dict[str, str], baseline: dict[str, str]) -> dict[str, str]:
    """Return the number of equal outputs among the inputs of both sides."""
    both = ours.keys() & baseline.keys()
    return {"same_output": f"{sum(ours[key] == baseline[key] for key in both)} of {len(both)}"} if both else {}
