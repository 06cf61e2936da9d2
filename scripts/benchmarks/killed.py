"""`scripts/bench killed`: comparison of a translation that is killed repeatedly with an undisturbed one."""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.options import BenchError, Options

__all__ = ["rows"]


def rows(options: Options) -> list[dict[str, Any]]:
    """Translate all captions twice, once with repeated `kill -9`, and compare the files byte by byte."""
    if options.package is None or options.data is None:
        raise BenchError("needs --data FOLDER, --package FILE.argosmodel and the --language that it translates to")
    code, chance = options.language, random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, "ARGOS_PACKAGES_DIR": f"{place}/packages"}

        def start(folder: str, *more: str) -> subprocess.Popen[bytes]:
            out = f"{place}/{folder}/{code}.jsonl"
            command = [sys.executable, "-P", "-m", "polycap", "translate", code, "--data", str(options.data)]
            return subprocess.Popen([*command, "--out", out, *more], env=environment, stdout=subprocess.DEVNULL)

        begun = time.perf_counter()
        if start("whole", "--package", str(options.package)).wait():
            raise BenchError("the undisturbed run failed")
        whole = time.perf_counter() - begun
        kills, status = 0, None
        while status is None:
            run = start("killed")
            try:  # after `kills` kills the rest is not disturbed
                status = run.wait(chance.uniform(0.4, 1.0) * options.seconds if kills < options.kills else None)
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
                kills += 1
        names = [f"{code}.jsonl", f"{code}.dropped.jsonl"]
        files = [[Path(place, folder, name).read_bytes() for name in names] for folder in ("whole", "killed")]
        row = {
            "bench": "killed",
            "kills": kills,
            "same_bytes": files[0] == files[1],
            "captions": files[0][0].count(b"\n"),
            "whole_seconds": round(whole, 1),
            "child_peak_memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        }
        return [row]
