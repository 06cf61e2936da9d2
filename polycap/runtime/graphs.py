"""Graphs in polycap's cache: found there, or traced from the one definition in Keras by a process of its own.

::

    CACHE/graphs/encoder-KEY/    model.xml and model.bin, in OpenVINO's format
                             compiled/     what OpenVINO made of them for this CPU

The key holds all that decides a graph: weights, settings, the versions of Keras and OpenVINO, and polycap's own code.
"""

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from polycap.errors import CaptionRuntimeError, EncoderError, PackError, PolycapError
from polycap.files import cache_place, digest, find_cached, make_folder, sha256_file

__all__ = ["MODEL", "Graph", "find_graph", "new_graph"]

logger = logging.getLogger(__name__)

MODEL = "model.xml"
ERRORS = {"encoder": EncoderError, "search": PackError}
UNUSED_DAYS = 30
_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Graph:
    """A graph that is wanted.

    Attributes:
        kind: encoder or search.
        subject: what it computes, as JSON: hashes and settings.
        source: where `polycap.runtime.trace` finds what to trace, as JSON.
    """

    kind: str
    subject: dict[str, Any]
    source: dict[str, Any]


def find_graph(graph: Graph) -> Path:
    """The graph's file in the cache; it is made if need be.

    Raises:
        EncoderError, PackError: what should be traced is broken.
        CaptionRuntimeError: it can't be traced, or there is no place for it.
    """
    name = f"{graph.kind}-{digest([graph.subject, _code(), _versions()])}"
    model = find_cached(f"graphs/{name}/{MODEL}")
    if model is None:
        logger.info("preparing the %s for OpenVINO, once", graph.kind)
        model = _graphs_folder() / name / MODEL
        with new_graph(model.parent) as made:
            _remove_unused(model.parent.parent)
            _trace({"kind": graph.kind, "out": str(made / MODEL), **graph.source})
    with contextlib.suppress(OSError):  # another user's cache, or a file system without times
        os.utime(model.parent)
    return model


def _graphs_folder() -> Path:
    try:
        return cache_place("graphs")
    except PolycapError as error:
        raise CaptionRuntimeError(f"runtime openvino: no place for its graphs: {error}") from error


@contextmanager
def new_graph(folder: Path) -> Iterator[Path]:
    """Yield an empty folder for a graph; on success it takes `folder`'s place, whatever is there.

    Raises:
        CaptionRuntimeError: there is no place for it.
    """
    try:
        make_folder(folder.parent)
    except PolycapError as error:
        raise CaptionRuntimeError(f"runtime openvino: no place for its graphs: {error}") from error
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".", ignore_cleanup_errors=True) as name:
        made = Path(name) / "graph"
        made.mkdir()
        yield made
        with contextlib.suppress(OSError):  # there is none
            folder.rename(Path(name) / "old")
        try:
            made.rename(folder)
        except OSError:
            if not (folder / MODEL).is_file():  # else another process was quicker, with the same
                raise


def _trace(job: dict[str, Any]) -> None:
    """Trace in another process: Keras has one backend per process, and this one's is not to be decided here."""
    environment = {**os.environ, "KERAS_BACKEND": "openvino"}
    environment["PYTHONPATH"] = os.pathsep.join([str(_PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "polycap.runtime.trace", json.dumps(job)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    if done.returncode == 2:  # a PolycapError, in its own words
        raise ERRORS[job["kind"]](lines[-1])
    logger.debug("%s", done.stderr)
    raise CaptionRuntimeError(f"runtime openvino: the {job['kind']} can't be traced ({lines[-1]})")


def _code() -> str:
    """A hash of the modules that decide what is traced: an edited decoder is another decoder."""
    return digest([sha256_file(path) for path in _modules()])


def _modules() -> Iterator[Path]:
    for room in ("decoder", "runtime"):
        yield from sorted((_PACKAGE / room).glob("*.py"))
    yield _PACKAGE / "features" / "architecture.py"


def _versions() -> list[str]:
    return [metadata.version(name) for name in ("keras", "openvino")]


def _remove_unused(folder: Path) -> None:
    """Graphs of old weights, packs and versions: an encoder's takes 170 MB."""
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    with contextlib.suppress(OSError):  # another process removes them, too
        for path in folder.iterdir():
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)
