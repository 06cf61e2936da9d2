"""Graphs of a language's search: the photo layers, which are the encoder's; the search, traced once for all languages;
and that search filled with a language's numbers.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polycap.decoder.search_constants import candidates_per_beam, search_constants
from polycap.decoder.shapes import photo_shapes
from polycap.errors import CaptionRuntimeError, reason_of
from polycap.language.settings import DecodingSettings
from polycap.machine.telemetry import import_openvino
from polycap.runtime.fill import fill_graph
from polycap.runtime.graphs import ANY, GRAPH_FILE, Graph, find_graph, graph_name, new_graph

if TYPE_CHECKING:
    from polycap.pack.pack import Pack

__all__ = ["SearchGraphs"]

_FILLED = ("min_length", "length_penalty", "minimum_bayes_risk")
"""Settings of the search that are filled in, or that decide only about its results."""


@dataclass(frozen=True)
class SearchGraphs:
    """Graphs of the search over a pack's decoder.

    Attributes:
        pack: the pack.
        settings: settings of the search.
        core: returns OpenVINO's Core.
    """

    pack: "Pack"
    settings: DecodingSettings
    core: Callable[[], Any]

    @property
    def photo_layers(self) -> Graph | None:
        """Graph of the photo layers; None of a decoder that has none."""
        decoder, encoder = self.pack.card.decoder, self.pack.encoder
        if not photo_shapes(decoder):
            return None
        sizes = {"sizes": [decoder.cells, decoder.channels, decoder.units]}
        subject = {"encoder": encoder.identity, **sizes}
        return Graph("photo_layers", encoder.features, subject, {"encoder": str(encoder.folder), **sizes})

    @cached_property
    def _traced(self) -> Graph:
        """Graph of the search with random numbers, of the smallest vocabulary that it may have."""
        own = self.pack.card.decoder
        decoder = own.model_copy(update={"vocab_size": candidates_per_beam(own.vocab_size, self.settings)})
        rates = {name: 0.0 for name in type(decoder).model_fields if name.endswith("_dropout")}
        subject = {
            "decoder": decoder.model_copy(update=rates).model_dump(mode="json"),
            "decoding": self.settings.model_dump(mode="json", exclude=set(_FILLED)),
        }
        return Graph("search", ANY, subject, subject)

    @cached_property
    def _filled(self) -> Graph:
        files = {name: entry.sha256 for name, entry in self.pack.card.files.items()}
        subject = {"search": graph_name(self._traced), "files": files, "encoder": self.pack.encoder.identity}
        subject["decoding"] = self.settings.model_dump(mode="json", exclude={"minimum_bayes_risk"})
        return Graph("language", self.pack.encoder.features, subject, {})

    def find(self) -> Path:
        """Return the file of the filled search in the cache; fill it if it does not exist.

        Its weights may be missing, see `drop_weights`.

        Raises:
            PackError: the pack is broken.
            CaptionRuntimeError: the search can't be traced or filled, or no cache is writable.
        """
        return find_graph(self._filled, lambda out: self._write(self.fill(), out))

    def fill(self) -> Any:
        """Return the filled search as a model of OpenVINO, in memory.

        Raises:
            As `find`.
        """
        traced = find_graph(self._traced)
        weights = self.pack.weights
        own = {name: array for name, array in weights.items() if name not in photo_shapes(self.pack.card.decoder)}
        constants = search_constants(self.pack.card.decoder.vocab_size, self.settings)
        try:
            return fill_graph(self.core(), traced, {**own, **constants})
        except (RuntimeError, ValueError, KeyError) as error:
            reason = reason_of(error)
            raise CaptionRuntimeError(
                f"runtime openvino: {traced} can't be filled ({reason}); delete {traced.parent}"
            ) from error

    def drop_weights(self, model: Path) -> None:
        """Delete the weights of the filled search: OpenVINO's compiled graph has them, too."""
        with contextlib.suppress(OSError):
            model.with_suffix(".bin").unlink()

    def restore_weights(self, model: Path) -> bool:
        """Write the weights of the filled search anew; return False if they are there."""
        weights = model.with_suffix(".bin")
        if weights.is_file():
            return False
        with new_graph(model.parent.parent / f".{model.parent.name}") as staging:
            self._write(self.fill(), staging / GRAPH_FILE)
            (staging / weights.name).replace(weights)
        return True

    def _write(self, model: Any, out: Path) -> None:
        import_openvino().serialize(model, out)
