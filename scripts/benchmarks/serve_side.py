"""One side of a comparison between checkouts, in a process of that checkout's environment.

`benchmarks.against` runs this file in the environment of either checkout. It calls `rows` of that checkout's own
stage, with `compare` replaced by a function that makes polycap's side and serves its turns. So a stage of any checkout
fits whose module has `rows(options)` and calls `compare(bench, unit, ours, baseline, repeats)`: polycap's modules may
have other names there. Nothing of the ruler's checkout is imported.
"""

import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, fields
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

Answer = Callable[[Any], None]


class _Served(BaseException):
    """Ends `rows`, whose folders are removed on the way; not an Exception, which a stage might catch."""


def main(job: dict[str, Any], requests: TextIO, answer: Answer) -> None:
    """Serve the turns of one row; answer null if the stage has no such row.

    Args:
        job: `checkout`, a folder; `stage`; `options` and, as texts, `paths`, by the names of fields of `Options`;
            `only`, the name of the row, or null for the first that is not in `without`.
        requests: lines of JSON, `"turn"` or `"memory"`, until the end of the file.
        answer: takes each answer.
    """
    try:
        _require_checkout(Path(job["checkout"]))
        stage = import_module(f"benchmarks.{job['stage']}")

        def serve(bench: str, unit: str, ours: Callable[[], Any], *_: object) -> dict[str, Any]:
            if bench not in job["without"] and job["only"] in (None, bench):
                _serve(bench, unit, ours(), requests, answer)
            return {}

        stage.compare = serve  # type: ignore[attr-defined]
        stage.rows(_options(job))
        answer(None)
    except _Served:
        return
    except Exception as error:
        answer({"error": _reason(error)})


def _serve(bench: str, unit: str, side: Any, requests: TextIO, answer: Answer) -> None:
    from benchmarks.memory import peak_memory_mb

    side.warm_up()
    answer({"bench": bench, "unit": unit, "about": side.about, "size": side.size})
    for line in requests:
        answer(asdict(side.turn()) if json.loads(line) == "turn" else peak_memory_mb())
    raise _Served


def _options(job: dict[str, Any]) -> Any:
    """Return options of this checkout, without those that it does not know."""
    from benchmarks.options import Options

    values = {**job["options"], **{name: Path(path) for name, path in job["paths"].items()}}
    names = {field.name for field in fields(Options)}
    return Options(**{name: value for name, value in values.items() if name in names})


def _require_checkout(checkout: Path) -> None:
    import polycap

    folder = Path(str(polycap.__file__)).resolve().parent.parent
    if folder != checkout.resolve():
        raise ImportError(f"{sys.executable} imports polycap of {folder}, not of {checkout}")


def _reason(error: Exception) -> str:
    if type(error).__module__.split(".")[0] in ("polycap", "benchmarks"):  # their messages are for users
        return str(error)
    traceback.print_exception(error)
    return f"{type(error).__name__}: {error}"
