"""`scripts/bench threads`: comparison of calls from several threads with calls from one, in captions and speed."""

import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.checkout import ROOT, Checkout
from benchmarks.material import photos
from benchmarks.options import BenchError, Options
from benchmarks.script_process import NoAnswerError, ProcessEndedError, ScriptProcess
from benchmarks.sides import Turn, Work, comparison_row

__all__ = ["Calls", "Outcome", "compared", "measure", "rows"]

MOST_PHOTOS = 6
"""Maximum number of photos of a call; the minimum is 1."""
LOADING_S = 1800.0
"""Maximum seconds to load and to caption for the first time, which may download, trace and compile."""
_OF_BOTH = ("bench", "callers", "calls", "photos", "load")
_SCRIPT = Path(__file__).with_name("thread_calls.py")


def rows(options: Options) -> list[dict[str, Any]]:
    """Measure this checkout. Return one row."""
    here = Checkout("this checkout", ROOT, Path(sys.executable), "")
    calls = Calls.drawn(options)
    alone = measure(here, calls.of_one_thread(), options.limit)
    return [_row(calls, alone, measure(here, calls, options.limit))]


def compared(options: Options, checkouts: Sequence[Checkout]) -> tuple[dict[str, Any], list[Work]]:
    """Measure two checkouts in turns, until one of them fails.

    Returns:
        The row, and the turns of both; no turns if one failed. The row then says whether the first one `passes`:
        whether none of its calls failed.
    """
    calls = Calls.drawn(options)
    alone = [measure(checkout, calls.of_one_thread(), options.limit) for checkout in checkouts]
    outcomes: list[list[Outcome]] = [[], []]
    for repeat in range(options.repeats):
        for index in (0, 1) if repeat % 2 == 0 else (1, 0):
            outcomes[index].append(measure(checkouts[index], calls, options.limit))
        if any(each[-1].has_failed(one) for each, one in zip(outcomes, alone, strict=True)):
            return _failure(calls, alone, [each[-1] for each in outcomes]), []
    size = f"{calls.count} calls, {calls.photo_count} photos"
    works = [
        Work(
            f"{checkout.name}: Captioner.caption by {len(calls.threads)} threads, all captions those of one thread",
            size,
            None,
            [Turn(outcome.photos, outcome.seconds) for outcome in each],
        )
        for checkout, each in zip(checkouts, outcomes, strict=True)
    ]
    row = comparison_row("threads", "photos/s", *works)
    for name, one in zip(("ours", "baseline"), alone, strict=True):
        row[f"{name}_one_thread_photos_per_s"] = _short(one.rate)
    return row, works


def _failure(calls: "Calls", alone: Sequence["Outcome"], last: Sequence["Outcome"]) -> dict[str, Any]:
    ours, other = (_row(calls, one, several) for one, several in zip(alone, last, strict=True))
    figures = {f"other_{key}": value for key, value in other.items() if key not in _OF_BOTH}
    return {**ours, **figures, "passes": not last[0].has_failed(alone[0])}


@dataclass(frozen=True)
class Calls:
    """Calls to make: of each thread the numbers of calls, and in `photos` and `languages` each call's.

    Attributes:
        codes: two languages, whose captioners share an encoder.
        languages: of each call the index of its language.
        photos: of each call its photos.
        threads: of each thread the numbers of its calls.
    """

    codes: tuple[str, str]
    languages: tuple[int, ...]
    photos: tuple[tuple[str, ...], ...]
    threads: tuple[range, ...]

    @classmethod
    def drawn(cls, options: Options) -> "Calls":
        """Draw the calls with a fixed seed: both checkouts, and one thread and several, make the same ones."""
        paths, chance = [str(path.absolute()) for path in _photos(options)], random.Random(0)
        count = options.threads * options.calls
        return cls(
            (options.language, options.second_language),
            tuple(chance.randrange(2) for _ in range(count)),
            tuple(tuple(chance.choices(paths, k=chance.randint(1, MOST_PHOTOS))) for _ in range(count)),
            tuple(range(start, start + options.calls) for start in range(0, count, options.calls)),
        )

    def of_one_thread(self) -> "Calls":
        """Return the same calls, one after the other."""
        return Calls(self.codes, self.languages, self.photos, (range(self.count),))

    @property
    def count(self) -> int:
        """Calls of all threads."""
        return len(self.photos)

    @property
    def photo_count(self) -> int:
        """Photos of all calls."""
        return sum(map(len, self.photos))

    def job(self) -> dict[str, Any]:
        """Return the job of `thread_calls`."""
        calls = [[(number, self.languages[number], self.photos[number]) for number in each] for each in self.threads]
        longest = max(self.photos, key=len)
        return {"languages": self.codes, "warm_up": longest, "calls": calls}


@dataclass(frozen=True)
class Outcome:
    """The outcome of some calls.

    Attributes:
        captions: of each call that succeeded, by number.
        errors: of each call that raised, by number.
        hung: no call ended for too long.
        died: how the process ended before its calls did; empty if it did not.
        photos: photos captioned.
        seconds: until the last call ended.
    """

    captions: dict[int, list[str]]
    errors: dict[int, str]
    hung: bool
    died: str
    photos: int
    seconds: float

    @property
    def rate(self) -> float:
        """Photos captioned per second."""
        return self.photos / self.seconds if self.seconds else 0.0

    @cached_property
    def frequent_error(self) -> str:
        """The most frequent error, on one line."""
        return " ".join(Counter(self.errors.values()).most_common(1)[0][0].split()) if self.errors else ""

    def different(self, alone: "Outcome") -> int:
        """Count the calls whose captions are not those of one thread."""
        return sum(captions != alone.captions[call] for call, captions in self.captions.items())

    def has_failed(self, alone: "Outcome") -> bool:
        """Return whether a call failed, hung, or gave other captions than one thread."""
        return bool(self.errors or self.hung or self.died or self.different(alone))


def measure(checkout: Checkout, calls: Calls, limit_s: float) -> Outcome:
    """Make the calls in a process, which is killed if no call ends for `limit_s` seconds.

    Raises:
        BenchError: the captioners can't be loaded, or one thread alone fails.
    """
    captions: dict[int, list[str]] = {}
    errors: dict[int, str] = {}
    seconds, hung, died = 0.0, False, ""
    process = ScriptProcess(checkout.python, _SCRIPT, checkout.path, calls.job())
    try:
        _begin(process, checkout, calls)
        while len(captions) + len(errors) < calls.count:
            answer = process.receive(limit_s)
            seconds = answer["seconds"]
            if "error" in answer:
                errors[answer["call"]] = answer["error"]
            else:
                captions[answer["call"]] = answer["captions"]
    except NoAnswerError:
        hung = True
    except ProcessEndedError as error:
        died = str(error)
    finally:
        process.close(wait=not hung)
    outcome = Outcome(captions, errors, hung, died, sum(len(calls.photos[call]) for call in captions), seconds)
    if len(calls.threads) == 1 and (errors or hung or died):
        reason = outcome.frequent_error or died or f"no call ended for {limit_s:g} s"
        raise BenchError(f"{checkout.name}: one thread alone fails ({reason})")
    return outcome


def _begin(process: ScriptProcess, checkout: Checkout, calls: Calls) -> None:
    """Wait until the calls begin."""
    try:
        answer = process.receive(LOADING_S)
    except (NoAnswerError, ProcessEndedError) as error:
        answer = {"error": str(error)}
    if answer is not None:
        raise BenchError(f"{checkout.name}: can't caption in {' and '.join(calls.codes)} ({answer['error']})")


def _row(calls: Calls, alone: Outcome, several: Outcome) -> dict[str, Any]:
    return {
        "bench": "threads",
        "callers": len(calls.threads),
        "calls": calls.count,
        "photos": calls.photo_count,
        "raised": len(several.errors),
        "unended": calls.count - len(several.errors) - len(several.captions),
        "most_frequent_error": several.frequent_error or None,
        "different": several.different(alone),
        "hung": several.hung,
        "died": several.died or None,
        "photos_per_s": _short(several.rate),
        "one_thread_photos_per_s": _short(alone.rate),
        "times_one_thread": _short(several.rate / alone.rate),
        "load": round(os.getloadavg()[0], 1),
    }


def _photos(options: Options) -> list[Path]:
    from polycap.photos.samples import sample_photos

    given = options.photos_from is not None or options.data is not None
    return photos(options) if given else [sample.path for sample in sample_photos()]


def _short(value: float) -> float:
    return float(f"{value:.3g}")
