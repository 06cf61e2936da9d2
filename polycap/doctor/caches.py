"""Examination of the cache: its graphs, the packs and weights in it, and what stopped processes left."""

import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from polycap.doctor.finding import Finding, fault, note, works
from polycap.errors import EncoderError, PackError, PolycapError
from polycap.files import cache_folder
from polycap.pack.card import read_card
from polycap.pack.pack import check_files

__all__ = ["graphs", "leftovers", "unpacked", "weights"]

_DAY_S = 24 * 3600
_FILLED = "language-"
"""Graphs of searches, which are kept without weights once they are compiled."""


def graphs() -> Iterator[Finding]:
    """Yield the graphs that are not whole, and the number of the others."""
    whole = 0
    folders = sorted(path for path in cache_folder().glob("graphs/*") if path.is_dir() and path.name[0] != ".")
    for folder in (*folders, *sorted(cache_folder().glob("int8/*/"))):
        reason = _graph_fault(folder)
        whole += not reason
        if reason:
            is_int8 = folder.parent.name == "int8"
            again = "; `polycap quantize` makes it again" if is_int8 else "; it is made again when it is needed"
            yield fault("cache", folder.name, f"this graph {reason}", f"delete {folder}{again}")
    yield works("cache", "graphs", f"{whole} whole")


def _graph_fault(folder: Path) -> str:
    """Return the reason why a graph can't be read; empty if it can."""
    try:
        ElementTree.parse(folder / "model.xml")
    except (OSError, ElementTree.ParseError) as error:
        return f"has no readable model.xml ({error})"
    compiled = any(folder.glob("compiled/*"))
    if not (folder / "model.bin").is_file() and not (folder.name.startswith(_FILLED) and compiled):
        return "has lost its model.bin"
    return ""


def unpacked() -> Iterator[Finding]:
    """Yield the pack files that were unpacked into the cache, hashed again."""
    for card in sorted(cache_folder().glob("packs/*/*/pack/card.json")):
        folder = card.parent
        name = folder.parent.name
        try:
            check_files(folder, read_card(folder))
            yield works("cache", name, "a pack file, unpacked; its hashes are right")
        except (PackError, OSError) as error:
            yield fault("cache", name, error, f"delete {folder.parent.parent}; the pack file is unpacked again")


def weights() -> Iterator[Finding]:
    """Yield whether Xception's published weights are here; `polycap tune-encoder` alone needs them."""
    from polycap.encoder.weight_files import read_weights
    from polycap.encoder.weights import WEIGHTS_VARIABLE, local_weights

    try:
        path = local_weights()
        if path is None:
            yield note("weights", "Xception", "not here; only `polycap tune-encoder` needs them, and fetches them")
            return
        read_weights(path)
        yield works("weights", "Xception", path)
    except (EncoderError, PolycapError) as error:
        yield fault("weights", "Xception", error, f"delete that file, or correct {WEIGHTS_VARIABLE}")


def leftovers() -> Iterator[Finding]:
    """Yield the unfinished files and folders of more than a day ago."""
    patterns = ("graphs/.*", "packs/.*", "downloads/*", "**/.*.part")
    paths = {path for pattern in patterns for path in cache_folder().glob(pattern) if _age_s(path) > _DAY_S}
    for path in sorted(paths):
        yield note("cache", path.name, "left by a process that was stopped", f"delete {path}")


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0
