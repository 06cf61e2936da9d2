"""Tests of polycap/runtime/graphs.py."""

import itertools
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest

from polycap.runtime import graphs
from polycap.runtime.graphs import GRAPH_FILE, Graph, find_graph

pytest_plugins = ["tiny_fixtures"]


def test_a_graph_is_known_by_all_that_decides_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "polycap")
    numbers = itertools.count()

    def trace(job: Any) -> None:
        Path(job["out"]).write_text(str(next(numbers)))

    monkeypatch.setattr(graphs, "_trace", trace)
    one, other = Graph("search", "abc", {"beam": 1}, {}), Graph("search", "abc", {"beam": 2}, {})

    def found(graph: Graph) -> str:
        path = find_graph(graph)
        assert path.name == GRAPH_FILE
        return path.read_text()

    assert [found(one), found(other), found(one), found(other)] == ["0", "1", "0", "1"]
    assert len(caplog.messages) == 2
    monkeypatch.setattr(graphs, "_code", lambda _: "edited")
    assert found(one) == "2"
    monkeypatch.setattr(graphs, "_versions", lambda: ["newer"])
    assert found(one) == "3"
    folder = find_graph(one).parent
    (folder / GRAPH_FILE).unlink()  # half a folder
    assert found(one) == "4"
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]
    os.utime(folder, (0, 0))
    monkeypatch.setattr(graphs, "_versions", lambda: ["newest"])
    assert found(one) == "5"
    assert not folder.exists()  # unused since 1970


def test_graphs_of_other_encoders_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "_trace", lambda job: Path(job["out"]).touch())
    now = time.time()
    old = find_graph(Graph("encoder", "old", {}, {})).parent
    former = old.parent / "encoder-0123456789abcdef"  # of polycap before its encoder was one artefact
    former.mkdir()
    recent, own = (find_graph(Graph("search", encoder, {}, {})).parent for encoder in ("recent", "new"))
    assert not former.exists()
    for folder in (old, own):
        os.utime(folder, (now - 2 * 24 * 3600,) * 2)
    find_graph(Graph("search", "new", {"beam": 2}, {}))
    assert old.exists()
    find_graph(Graph("encoder", "new", {}, {}))
    assert [folder.exists() for folder in (old, recent, own)] == [False, True, True]
