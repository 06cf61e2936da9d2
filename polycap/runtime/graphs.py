"""Graphs in polycap's cache: found there, or traced from the one definition in Keras by a process of its own.

::

    CACHE/graphs/encoder-KEY/    model.xml and model.bin, in OpenVINO's format
                             compiled/     what OpenVINO made of them for this CPU

The key holds all that decides a graph: weights, settings, the versions of Keras and OpenVINO, and the bytecode of those
modules of polycap's that compute in it.
"""

import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from polycap.errors import CaptionRuntimeError, EncoderError, PackError, PolycapError
from polycap.files import cache_place, digest, find_cached, make_folder
from polycap.machine.child import run_child
from polycap.runtime.bytecode import module_digest

__all__ = ["GRAPH_FILE", "Graph", "find_graph", "new_graph"]

logger = logging.getLogger(__name__)

GRAPH_FILE = "model.xml"
ERRORS = {"encoder": EncoderError, "search": PackError, "attention": PackError}
UNUSED_DAYS = 30
_DECODER = (
    "decoder.attention",
    "decoder.base",
    "decoder.lstm",
    "decoder.merge",
    "decoder.kinds",
    "decoder.packed",
)
DECIDING = {
    "encoder": ("encoder.network", "encoder.identity"),
    "search": (*_DECODER, "decoder.results", "decoder.search"),
    "attention": _DECODER,
}
"""By kind, the modules that decide a graph beside its subject and `runtime.trace`; a test compares them with what
`runtime.trace` imports."""


@dataclass(frozen=True)
class Graph:
    """A graph that is wanted.

    Attributes:
        kind: encoder, search or attention.
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
    name = f"{graph.kind}-{digest([graph.subject, _code(graph.kind), _versions()])}"
    model = find_cached(f"graphs/{name}/{GRAPH_FILE}")
    if model is None:
        logger.info("preparing the %s for OpenVINO, once", graph.kind)
        model = _graphs_folder() / name / GRAPH_FILE
        with new_graph(model.parent) as made:
            _remove_unused(model.parent.parent)
            _trace({"kind": graph.kind, "out": str(made / GRAPH_FILE), **graph.source})
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
            if not (folder / GRAPH_FILE).is_file():  # else another process was quicker, with the same
                raise


def _trace(job: dict[str, Any]) -> None:
    """Trace in another process: Keras has one backend per process, and this one's is not to be decided here."""
    failure = f"runtime openvino: the {job['kind']} can't be traced"
    try:
        done = run_child("polycap.runtime.trace:run", job, environment={"KERAS_BACKEND": "openvino"})
    except PolycapError as error:
        raise CaptionRuntimeError(f"{failure} ({error})") from error
    if done.returncode == 0:
        return
    lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    if done.returncode == 2:  # a PolycapError, in its own words
        raise ERRORS[job["kind"]](lines[-1])
    logger.debug("%s", done.stderr)
    raise CaptionRuntimeError(f"{failure} ({lines[-1]})")


def _code(kind: str) -> str:
    """A hash of the modules that decide what is traced: an edited decoder is another decoder."""
    return digest([module_digest(f"polycap.{name}") for name in (*DECIDING[kind], "runtime.trace")])


def _versions() -> list[str]:
    try:
        return [metadata.version(name) for name in ("keras", "openvino")]
    except metadata.PackageNotFoundError as error:
        raise CaptionRuntimeError(
            f"runtime openvino: the version of {error.name} is not known, by which graphs are kept; install it by pip, "
            f"and into a frozen application with its metadata (PyInstaller: --copy-metadata {error.name})"
        ) from error


def _remove_unused(folder: Path) -> None:
    """Graphs of old weights, packs and versions: an encoder's takes 170 MB."""
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    with contextlib.suppress(OSError):  # another process removes them, too
        for path in folder.iterdir():
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)
