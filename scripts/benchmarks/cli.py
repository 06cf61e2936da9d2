"""The command line of `scripts/bench`: parse, measure, print."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.against import CALLS, COMPARED, LEAST, PHOTOS, REPEATS, against_rows
from benchmarks.every import COMPARISONS, every_row
from benchmarks.options import BenchError, Options
from benchmarks.table import as_json, as_text, with_machine
from polycap.errors import PolycapError

__all__ = ["main"]

ALL = "all"
OTHERS = ("language", "threads", "flat", "runtimes", "killed", "hostile", "beside")
DESCRIPTION = """Measure polycap on this machine.

features, caption, train, translate and startup compare polycap with what a tutorial's code does, in the same run:
medians of turns that alternate, and how many times as fast polycap is. `all` runs these five.
`language` builds a language, from its caption file to the installed pack, with features that are there, and prints the
seconds of each stage; nothing but a temporary folder is written to. `threads` makes the same calls from one thread and
from several, and counts those that raise, that give other captions, and that never end. `flat` draws time and memory
over the number of photos. `runtimes` compares the captions of OpenVINO and Keras, `killed` checks that a translation
that is killed resumes, `hostile` measures memory and time of decoding large photos and malicious files.
`beside` captions in two processes at the same time, and passes if they reach 0.9 of the speed of one.

With --against those five and threads compare polycap of this checkout with polycap of another one: each side is that
checkout's own, in an environment and a process of its own, and turns alternate. The ratio of medians has a 95 %
interval, by bootstrap over the pairs of turns (10,000 resamples, fixed seed, percentiles). A row passes if the interval
reaches --least; of fewer than five turns a side it is too narrow. `threads` passes without a ratio if the other
checkout's calls fail and none of this one's does."""
STATUS = """Exit status: 0; 1 if a row of --against does not pass; else 2 if a stage could not be measured (`all`
names it and ends with 0)."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; for the exit status see STATUS. A single stage that can't be measured prints one line."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    stages = [name for stage in parsed.stages for name in (COMPARISONS if stage == ALL else (stage,))]
    if parsed.against is not None and (unknown := [stage for stage in stages if stage not in COMPARED]):
        parser.error(f"--against compares {', '.join(COMPARED)}; not {', '.join(unknown)}")
    names = [field.name for field in fields(Options)]
    given = {name: value for name in names if (value := getattr(parsed, name)) is not None}
    try:
        rows = with_machine(_rows(stages, given, parsed))
    except (BenchError, PolycapError) as error:
        print(f"scripts/bench {' '.join(parsed.stages)}: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    print(as_json(rows) if parsed.json else as_text(rows))
    if status := _status(rows, lenient=parsed.against is None and (ALL in parsed.stages or len(stages) == 1)):
        raise SystemExit(status)


def _rows(stages: Sequence[str], given: Mapping[str, Any], parsed: argparse.Namespace) -> list[dict[str, Any]]:
    if parsed.against is not None:
        return against_rows(stages, given, parsed.against, parsed.least)
    if len(stages) == 1:
        rows: list[dict[str, Any]] = import_module(f"benchmarks.{stages[0]}").rows(Options(**given))
        return rows
    return every_row(Options(**given), stages)


def _status(rows: Sequence[Mapping[str, Any]], lenient: bool) -> int:
    if any(row.get("passes") is False for row in rows):
        return 1
    return 2 if not lenient and any("missing" in row for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=DESCRIPTION,
        epilog=STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stages = [*COMPARISONS, ALL, *OTHERS]
    parser.add_argument("stages", nargs="+", choices=stages, metavar="STAGE", help=", ".join(stages) + " (repeatable)")
    for name, kind, text in _options():
        parser.add_argument(name, type=kind, metavar=name.lstrip("-").replace("-", "_").upper(), help=text)
    parser.add_argument("--against", metavar="CHECKOUT", help="another checkout: a folder, or a git revision")
    parser.add_argument(
        "--least",
        type=float,
        default=LEAST,
        help="for --against: the ratio that the interval of a row that passes reaches (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print a list of rows, for machines")
    return parser


def _options() -> list[tuple[str, Any, str]]:
    """Return name, type and help of the fields of `Options`."""
    standard = Options()
    own, turn = "the stage's own", f"with --against {PHOTOS}, but for train"
    sizes = ",".join(map(str, standard.sizes))
    return [
        ("--data", Path, "a dataset's folder: photos, captions"),
        ("--photos-from", Path, "photos to encode and caption (default: the dataset's; for threads, sample photos)"),
        (
            "--features",
            Path,
            "for train and language: the output of `polycap features`; for language also the folder `features` of a "
            f"work folder (default: {standard.features})",
        ),
        ("--photos", int, f"photos of a turn, repeated if fewer; 0: all once (default: {standard.photos}; {turn})"),
        (
            "--baseline-photos",
            int,
            f"the baseline's share of them, evenly from all; rates are compared (default: {own})",
        ),
        ("--language", str, f"code of what captions, is trained or is built (default: {standard.language})"),
        ("--second-language", str, f"for threads: code of the other captioner (default: {standard.second_language})"),
        ("--threads", _at_least_one, f"for threads: threads that call (default: {standard.threads})"),
        (
            "--calls",
            int,
            f"for threads: calls of each thread (default: {standard.calls}; with --against {CALLS} a turn)",
        ),
        (
            "--limit",
            float,
            f"for threads: seconds without the end of a call that are a hang (default: {standard.limit:g})",
        ),
        ("--package", Path, "for translate and killed: an .argosmodel file"),
        ("--captions", int, f"for translate: captions, from all over the dataset (default: {standard.captions})"),
        ("--baseline-captions", int, f"the baseline's share of them (default: {standard.baseline_captions})"),
        ("--captions-from", str, "for language: FILE[,origin=…] of its captions (default: the language's own)"),
        ("--seed", int, f"for language: seed of the training (default: {standard.seed})"),
        ("--repeats", _at_least_one, f"turns of each side (default: {standard.repeats}; with --against {REPEATS})"),
        ("--kills", int, f"for killed: kills (default: {standard.kills})"),
        (
            "--seconds",
            float,
            f"for killed: seconds until a kill, at most; for beside: of each run (default: {standard.seconds:g})",
        ),
        ("--sizes", _sizes, f"for flat: numbers of photos (default: {sizes})"),
        ("--out", Path, f"for flat: the folder of its picture and table (default: {standard.out})"),
    ]


def _at_least_one(text: str) -> int:
    if (count := int(text)) < 1:
        raise ValueError
    return count


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(map(_at_least_one, text.split(",")))
