"""Graphs in polycap's cache; a missing one is traced from its definition in Keras, in a child process.

::

    CACHE/graphs/KIND-ENCODER-KEY/   model.xml and model.bin, in OpenVINO's format
                                     compiled/     OpenVINO's compiled graphs for this CPU, weights included

A language's search is a traced one that is filled, see `polycap.runtime.fill`; once it is compiled, its model.bin goes.

ENCODER is the identity of the encoder's cells. The key holds all else that decides a graph: weights, settings, the
versions of Keras and OpenVINO, and the bytecode of polycap's modules that compute in it.
"""

import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from polycap.errors import CaptionRuntimeError, EncoderError, PackError, PolycapError
from polycap.files import cache_place, digest, find_cached, make_folder
from polycap.machine.child import run_child
from polycap.runtime.bytecode import module_digest

__all__ = ["ANY", "GRAPH_FILE", "Graph", "find_graph", "graph_name", "new_graph"]

logger = logging.getLogger(__name__)

GRAPH_FILE = "model.xml"
ANY = "any"
"""In place of an encoder's identity, for a graph of every encoder."""
ERRORS = {"encoder": EncoderError, "middle_flow": EncoderError, "photo_layers": EncoderError, "search": PackError}
ERRORS |= {"attention": PackError}
UNUSED_DAYS, OTHER_ENCODER_DAYS = 30.0, 1.0
_DECODER = (
    "decoder.attention",
    "decoder.base",
    "decoder.lstm",
    "decoder.merge",
    "decoder.kinds",
    "decoder.packed",
    "encoder.photo_layers",
)
DECIDING = {
    "encoder": ("encoder.network", "encoder.identity"),
    "middle_flow": ("encoder.network", "encoder.identity"),
    "photo_layers": ("encoder.photo_layers",),
    "search": (*_DECODER, "decoder.results", "decoder.search", "decoder.search_constants"),
    "language": ("decoder.search_constants",),
    "attention": _DECODER,
}
"""Modules that decide a graph beside its subject, `runtime.trace` and `runtime.fill`, by kind; a test compares them
with the imports of `runtime.trace`."""


@dataclass(frozen=True)
class Graph:
    """Description of a graph.

    Attributes:
        kind: encoder, middle_flow, photo_layers, search, language (a search that is filled) or attention.
        encoder: identity of the encoder's cells; `ANY` of a search, which is filled for each language.
        subject: hashes and settings that identify the computation, JSON-serialisable.
        source: paths and settings for `polycap.runtime.trace`, JSON-serialisable.
    """

    kind: str
    encoder: str
    subject: dict[str, Any]
    source: dict[str, Any]


def find_graph(graph: Graph, make: Callable[[Path], None] | None = None) -> Path:
    """Return the graph's file in the cache; make it if it does not exist.

    Args:
        graph: description of the graph.
        make: writes the graph to a file. (default: traces it)

    Raises:
        EncoderError, PackError: the weights or the pack are broken.
        CaptionRuntimeError: the graph can't be traced, or no cache is writable.
    """
    name = graph_name(graph)
    model = find_cached(f"graphs/{name}/{GRAPH_FILE}")
    if model is None:
        model = _graphs_folder() / name / GRAPH_FILE
        with new_graph(model.parent) as staging:
            _remove_unused(model.parent.parent, graph)
            if make:
                make(staging / GRAPH_FILE)
            else:
                logger.info("preparing the %s for OpenVINO, once", graph.kind.replace("_", " "))
                _trace({"kind": graph.kind, "out": str((staging / GRAPH_FILE).absolute()), **graph.source})
    with contextlib.suppress(OSError):  # another user's cache, or a file system without times
        os.utime(model.parent)
    return model


def graph_name(graph: Graph) -> str:
    """Return the name of the graph's folder, which has all that decides it."""
    return f"{graph.kind}-{graph.encoder}-{digest([graph.subject, _code(graph.kind), _versions()])}"


def _graphs_folder() -> Path:
    try:
        return cache_place("graphs")
    except PolycapError as error:
        raise CaptionRuntimeError(f"runtime openvino: no place for its graphs: {error}") from error


@contextmanager
def new_graph(folder: Path) -> Iterator[Path]:
    """Yield an empty folder for a graph; on success rename it to `folder`, replacing an existing one.

    Raises:
        CaptionRuntimeError: the parent of `folder` can't be created or is not writable.
    """
    try:
        make_folder(folder.parent)
    except PolycapError as error:
        raise CaptionRuntimeError(f"runtime openvino: no place for its graphs: {error}") from error
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".", ignore_cleanup_errors=True) as name:
        staging = Path(name) / "graph"
        staging.mkdir()
        yield staging
        with contextlib.suppress(OSError):  # there is no old one
            folder.rename(Path(name) / "old")
        try:
            staging.rename(folder)
        except OSError:
            if not (folder / GRAPH_FILE).is_file():  # else another process has made the same graph meanwhile
                raise


def _trace(job: dict[str, Any]) -> None:
    """Trace in a child process: Keras has one backend per process, and tracing needs another one than this process."""
    failure = f"runtime openvino: the {job['kind']} can't be traced"
    try:
        child = run_child("polycap.runtime.trace:run", job, environment={"KERAS_BACKEND": "openvino"})
    except PolycapError as error:
        raise CaptionRuntimeError(f"{failure} ({error})") from error
    if child.returncode == 0:
        return
    lines = child.stderr.strip().splitlines() or [f"status {child.returncode}"]
    if child.returncode == 2:  # the message of a PolycapError
        raise ERRORS[job["kind"]](lines[-1])
    logger.debug("%s", child.stderr)
    raise CaptionRuntimeError(f"{failure} ({lines[-1]})")


def _code(kind: str) -> str:
    """Return a hash of the modules that decide the graph."""
    return digest([module_digest(f"polycap.{name}") for name in (*DECIDING[kind], "runtime.trace", "runtime.fill")])


def _versions() -> list[str]:
    try:
        return [metadata.version(name) for name in ("keras", "openvino")]
    except metadata.PackageNotFoundError as error:
        raise CaptionRuntimeError(
            f"runtime openvino: the version of {error.name} is not known, by which graphs are kept; install it by pip, "
            f"and into a frozen application with its metadata (PyInstaller: --copy-metadata {error.name})"
        ) from error


def _remove_unused(folder: Path, new: Graph) -> None:
    """Remove graphs that are not needed: an encoder's takes 170 MB.

    They are those of old versions, which nothing reads; those that were not used for `UNUSED_DAYS`; and, when a new
    encoder is traced, those of other encoders that were not used for a day.
    """
    now = time.time()
    with contextlib.suppress(OSError):  # another process may remove them at the same time
        for path in folder.iterdir():
            if path.stat().st_mtime < now - _days(path.name, new) * 24 * 3600:
                shutil.rmtree(path, ignore_errors=True)


def _days(name: str, new: Graph) -> float:
    """Return the days without use after which a graph is removed."""
    kind, *parts = name.split("-")
    if kind in DECIDING and len(parts) == 1:  # KIND-KEY, of polycap before its encoder was one artefact
        return 0.0
    return OTHER_ENCODER_DAYS if new.kind == "encoder" and parts[:1] not in ([new.encoder], [ANY]) else UNUSED_DAYS
