"""`scripts/bench startup`: whole processes, from the command line to their end, with everything cached."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.material import photos
from benchmarks.options import BenchError, Options
from benchmarks.sides import SECONDS, Turn, compare

__all__ = ["Command", "rows"]

FOLDERS = 50
POLYCAP = ("-m", "polycap")


def rows(options: Options) -> list[dict[str, Any]]:
    """Compare a photo's caption with that by TensorFlow, and `languages` of 50 folders with Python. Return two rows."""
    from polycap.runtime.precision import AUTO, INT8, PRECISION_VARIABLE, choose_precision

    caption = [*POLYCAP, "caption", "--language", options.language, str(_photo(options))]
    ours = partial(Command, "polycap caption, one photo", caption)
    # int8 is OpenVINO's alone
    precision = {PRECISION_VARIABLE: AUTO} if choose_precision() == INT8 else None
    keras = partial(Command, "the same with --runtime keras, TensorFlow", [*caption, "--runtime", "keras"], precision)
    found = [compare("startup", SECONDS, ours, keras, options.repeats)]
    with tempfile.TemporaryDirectory() as place:
        _fill(Path(place))
        environment = {"POLYCAP_LANGUAGES": place}
        ours = partial(Command, f"polycap languages, {FOLDERS} folders", [*POLYCAP, "languages"], environment)
        nothing = partial(Command, "python -c pass", ["-c", "pass"])
        return [*found, compare("startup, languages", SECONDS, ours, nothing, options.repeats)]


class Command:
    """A Python process. See `Side`."""

    def __init__(self, about: str, arguments: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.about, self.size = about, "1 process"
        self._command = [sys.executable, "-P", *arguments]
        self._environment = {**os.environ, **(environment or {})}
        self._environment.pop("POLYCAP_RUNTIME", None)  # it is compared with that of --runtime

    def warm_up(self) -> None:
        """Fill the caches, such as graphs."""
        self.turn()

    def turn(self) -> Turn:
        """Run one process; measure its processor time and memory beside the time by the clock.

        Raises:
            BenchError: it failed.
        """
        with tempfile.TemporaryFile() as output:
            start = time.perf_counter()
            process = subprocess.Popen(self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=output)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)  # who waited by hand has to say so
            output.seek(0)
            lines = output.read().decode(errors="replace").split("\n")
        if process.returncode:
            reason = next((line for line in reversed(lines) if line.strip()), f"status {process.returncode}")
            raise BenchError(f"{self.about}: failed ({reason})")
        memory = usage.ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)
        return Turn(1, seconds, more={"cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mb": memory})


def _photo(options: Options) -> Path:
    from polycap.photos.samples import sample_photos

    return photos(options)[0] if options.photos_from or options.data else sample_photos()[0].path


def _fill(place: Path) -> None:
    """Make up to FOLDERS folders of languages, the built-in ones included; others have private-use codes: qaa, …"""
    from polycap.language import available_languages

    built_in = [entry.folder for entry in available_languages()]
    for number in range(max(0, FOLDERS - len(built_in))):
        code = f"qa{chr(ord('a') + number)}"
        shutil.copytree(built_in[number], place / code, ignore=shutil.ignore_patterns("pack"))
        toml = place / code / "language.toml"
        text = toml.read_text(encoding="utf-8").replace(f'code = "{built_in[number].name}"', f'code = "{code}"')
        toml.write_text(text, encoding="utf-8")
