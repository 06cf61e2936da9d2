"""`scripts/bench language`: seconds from a caption file to the installed pack, by stages of `polycap build`."""

import os
import shutil
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.options import BenchError, Options
from benchmarks.sides import apart

__all__ = ["rows"]


def rows(options: Options) -> list[dict[str, Any]]:
    """Build a language in a process and a work folder of its own; return a row. Nothing else is written to."""
    if options.data is None:
        raise BenchError("needs --data FOLDER, a dataset, and --features FOLDER with the features of its photos")
    if not any(options.features.glob("**/plain")):
        raise BenchError(f"{options.features}: no features here; make them with `polycap features`, or give --features")
    with tempfile.TemporaryDirectory(prefix="polycap-bench-") as place:
        return [apart(measure, options, Path(place))]


def measure(options: Options, place: Path) -> dict[str, Any]:
    """Build the language in this process, in an empty folder; its pack is installed there, too."""
    start = time.perf_counter()
    from polycap.language import get_language
    from polycap.pipeline import BuildOptions, build_language

    code, work = options.language, place / "work"
    own = place / "languages" / code
    shutil.copytree(get_language(code).folder, own, ignore=shutil.ignore_patterns("pack"))
    os.environ["POLYCAP_LANGUAGES"] = str(own.parent)
    assert options.data is not None
    captions = () if options.captions_from is None else (options.captions_from,)
    build = BuildOptions(data=options.data, captions=captions, settings=(f"seed={options.seed}",))
    _link_features(options.features.absolute(), code, build, work)

    names, times = ["start"], [start]

    def mark(step: Any) -> None:
        names.append(step.stage.name)
        times.append(time.perf_counter())

    result = build_language(code, build, work=work, on_step=mark, progress=None)
    times.append(time.perf_counter())
    stages = {f"{name}_s": round(end - begin, 1) for name, (begin, end) in zip(names, pairwise(times), strict=True)}
    scores = result.scores or {}
    size = sum(path.stat().st_size for path in result.pack.rglob("*") if path.is_file())
    return {
        "bench": "language",
        "code": code,
        "seed": options.seed,
        **stages,
        "total_s": round(times[-1] - times[0], 1),
        "dev_bleu4": round(scores["bleu4"], 2),
        "pack_mb": round(size / 1e6, 2),
    }


def _link_features(features: Path, code: str, build: Any, work: Path) -> None:
    """Show the features in a work folder, under the key of this build: its stage then finds them all, and checks them.

    Args:
        features: output of `polycap features`, or the folder `features` of a work folder.
        code: the language.
        build: options of the build.
        work: work folder; created.
    """
    if not (features / "plain").is_dir():
        work.mkdir(parents=True)
        (work / "features").symlink_to(features)
        return
    from polycap.language import get_language
    from polycap.pipeline.arguments import settle_arguments
    from polycap.pipeline.job import Job
    from polycap.pipeline.stages.features import FeaturesStage

    stage = FeaturesStage(Job(get_language(code), settle_arguments(work / code, code, build), work))
    folder = stage.place(stage.facts())
    folder.mkdir(parents=True)
    for path in features.iterdir():
        if path.suffix != ".lock" and path.name != ".lock":
            (folder / path.name).symlink_to(path)
