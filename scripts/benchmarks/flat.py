"""`scripts/bench flat`: time and memory of each stage over the number of photos.

Writes into `--out`: `flat.png`, the curves; `flat.md`, the table; `flat.json`, the points.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.caption import OurCaptions
from benchmarks.features import OurFeatures
from benchmarks.material import dataset, photos, repeated
from benchmarks.memory import OwnMemory, peak_memory_mb
from benchmarks.options import BenchError, Options
from benchmarks.picture import Panel, draw_panels
from benchmarks.sides import Side, apart
from benchmarks.table import as_json, missing, with_machine
from benchmarks.train import OurTraining
from benchmarks.translate import DatasetTranslation
from polycap.errors import PolycapError
from polycap.files import make_folder, write_text

__all__ = ["STAGES", "as_markdown", "draw", "measure", "rows"]

MEMORY, MAPPED = "memory_mb", "with_mapped_files_mb"
NOTES = (
    "Seconds are those of the work; loading is not in them, and `train` is the first epoch, compiling included. "
    "Memory is the most that the process held of its own; with mapped files: pages of the feature store included, "
    "which the system takes back when it needs them. Each point has a process of its own."
)


def rows(options: Options) -> list[dict[str, Any]]:
    """Measure a point of each stage for each size; return the rows, with the reason for a stage that can't be run."""
    make_folder(options.out)
    found = []
    for stage in STAGES:
        for size in options.sizes:
            print(f"{stage}, {size} photos …", file=sys.stderr, flush=True)
            try:
                found.append(apart(measure, stage, replace(options, photos=size)))
            except (BenchError, PolycapError) as error:
                found.append(missing(f"flat, {stage}", str(error)))
                break
    found = with_machine(found)
    points = [row for row in found if "missing" not in row]
    write_text(options.out / "flat.json", as_json(found) + "\n")
    write_text(options.out / "flat.md", as_markdown(found) + "\n")
    if points:
        draw(points, options)
    return found


def measure(stage: str, options: Options) -> dict[str, Any]:
    """Measure a point in this process, with `options.photos` photos."""
    side = STAGES[stage](options)
    start = time.perf_counter()
    with OwnMemory() as memory:
        turn = side.turn()
    return {
        "bench": "flat",
        "stage": stage,
        "photos": options.photos,
        "seconds": round(turn.seconds, 2),
        "whole_seconds": round(time.perf_counter() - start, 2),
        MEMORY: memory.peak_mb,
        MAPPED: max(peak_memory_mb(), memory.peak_mb),
        "work": f"{side.about}; {side.size}",
    }


def as_markdown(points: Sequence[dict[str, Any]]) -> str:
    """Return the table with an explanation of its columns."""
    head = ["stage", "photos", "seconds", "photos/s", "memory, MB", "with mapped files, MB"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    notes = [NOTES]
    for point in points:
        if "missing" in point:
            notes.append(f"{point['bench']}: not measured: {point['missing']}")
            continue
        rate = point["photos"] / point["seconds"]
        cells = [point["stage"], f"{point['photos']:,}", f"{point['seconds']:g}", f"{rate:.3g}"]
        lines.append(f"| {' | '.join(cells)} | {point[MEMORY]:,} | {point[MAPPED]:,} |")
    if points:
        notes.append(f"{points[0]['threads']} threads, {points[0]['machine']}.")
    return "\n".join(lines) + "\n\n" + "\n\n".join(notes)


def draw(points: Sequence[dict[str, Any]], options: Options) -> None:
    """Draw the curves of time and of memory as `flat.png`."""

    def curves(key: str) -> dict[str, list[tuple[float, float]]]:
        found: dict[str, list[tuple[float, float]]] = {}
        for point in points:
            found.setdefault(point["stage"], []).append((point["photos"], point[key]))
        return found

    panels = [Panel("seconds", curves("seconds"), logarithmic=True), Panel("memory, MB", curves(MEMORY))]
    draw_panels(options.out / "flat.png", [*panels, Panel("memory with mapped files, MB", curves(MAPPED))])


def _translation(options: Options) -> Side:
    if options.package is None:
        raise BenchError("needs --package FILE.argosmodel")
    everything = dataset(options)
    some = replace(everything, photos=tuple(repeated(everything.photos, options.photos)))
    return DatasetTranslation(options.package, some, options.language)


STAGES: dict[str, Callable[[Options], Side]] = {
    "features": lambda options: OurFeatures(photos(options)),
    "caption": lambda options: OurCaptions(photos(options), options.language),
    "train": lambda options: OurTraining(options, {}),
    "translate": _translation,
}
"""Functions that make the side of a stage, by name."""
