"""The command line of `scripts/bench`: parse, measure, print."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from benchmarks.every import COMPARISONS, every_row
from benchmarks.options import BenchError, Options
from benchmarks.table import as_json, as_text, with_machine
from polycap.errors import PolycapError

__all__ = ["main"]

OTHERS = ("flat", "runtimes", "killed", "hostile")
DESCRIPTION = """Measures polycap on this machine.

features, caption, train, translate and startup compare polycap with what a tutorial's code does, in the same run:
medians of turns that alternate, and how many times as fast polycap is. `all` runs these five. `flat` draws
time and memory over the number of photos. `runtimes` says how alike OpenVINO's and Keras' captions are, `killed` what
becomes of a translation that is killed. `hostile` measures memory and seconds of large photos, and of files that ask
for much."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line says; a stage that lacks something ends with status 2 and one line."""
    parsed = _parser().parse_args(arguments)
    options = Options(**{field.name: getattr(parsed, field.name) for field in fields(Options)})
    try:
        if parsed.stage == "all":
            rows = with_machine(every_row(options))
        else:
            rows = with_machine(import_module(f"benchmarks.{parsed.stage}").rows(options))
    except (BenchError, PolycapError) as error:
        print(f"scripts/bench {parsed.stage}: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    print(as_json(rows) if parsed.json else as_text(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    standard = Options()
    parser.add_argument("stage", choices=[*COMPARISONS, "all", *OTHERS])
    add = parser.add_argument
    add("--data", type=Path, help="a dataset's folder: photos, captions")
    add("--photos-from", type=Path, help="photos to encode and caption, instead of the dataset's")
    add("--features", type=Path, default=standard.features, help="for train: what `polycap features` made")
    add("--photos", type=int, default=standard.photos, help="how many, repeated where there are fewer; 0: all once")
    add("--baseline-photos", type=int, help="the baseline's share of them, evenly from all; rates are compared")
    add("--language", default=standard.language, help="which decoder captions, which recipe is trained")
    add("--package", type=Path, help="for translate and killed: an .argosmodel file")
    add("--captions", type=int, default=standard.captions, help="for translate: how many, from all over the dataset")
    add("--baseline-captions", type=int, default=standard.baseline_captions, help="the baseline's share of them")
    add("--repeats", type=int, default=standard.repeats, help="turns of each side")
    add("--kills", type=int, default=standard.kills, help="for killed: how often")
    add("--seconds", type=float, default=standard.seconds, help="for killed: how long a run lives at most")
    add("--json", action="store_true", help="a list of rows, for machines")
    add("--sizes", type=_sizes, default=standard.sizes, help="for flat: numbers of photos, such as 100,1000,8000")
    add("--out", type=Path, default=standard.out, help="for flat: the folder of its picture and table")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(part) for part in text.split(","))
    if min(sizes) < 1:
        raise ValueError
    return sizes
