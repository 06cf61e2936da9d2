"""Which runtime computes: the one that is asked for, or the best that is there."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from polycap.encoder.pca import FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import CaptionRuntimeError
from polycap.language.settings import DecodingSettings
from polycap.runtime.keras_runtime import KerasRuntime
from polycap.runtime.openvino_runtime import OpenVINORuntime
from polycap.runtime.precision import INT8, choose_precision
from polycap.runtime.protocol import CaptionSearch, CellWeights, Reduction, Runtime

if TYPE_CHECKING:
    from polycap.pack.pack import Pack

__all__ = ["AUTO", "RUNTIMES", "RUNTIME_VARIABLE", "open_runtime"]

logger = logging.getLogger(__name__)

RUNTIME_VARIABLE = "POLYCAP_RUNTIME"
AUTO = "auto"
RUNTIMES: dict[str, Callable[[str | None], Runtime]] = {"openvino": OpenVINORuntime, "keras": KerasRuntime}
"""By name, the fastest first, the reference last."""

Part = TypeVar("Part")


def open_runtime(name: str | None = None, *, precision: str | None = None, reference: bool = False) -> Runtime:
    """A runtime by its name: openvino, keras, or auto.

    Args:
        name: without it the environment variable `POLYCAP_RUNTIME`, else auto: OpenVINO, and where it is missing or
            fails, Keras, with a notice.
        precision: in which numbers the encoder computes, as `choose_precision` has it.
        reference: auto tries Keras first: for figures that are compared with others.

    Raises:
        CaptionRuntimeError: no runtime or no precision of this name, or a runtime that lacks the precision.
    """
    chosen = name or os.environ.get(RUNTIME_VARIABLE) or AUTO
    if chosen == AUTO:
        if choose_precision(precision) == INT8:
            return OpenVINORuntime(precision)  # no other has it
        order = list(RUNTIMES)
        return FirstThatRuns(order[::-1] if reference else order, precision)
    if chosen not in RUNTIMES:
        where = "--runtime" if name else RUNTIME_VARIABLE
        raise CaptionRuntimeError(f"{where} {chosen}: no such runtime; there are {AUTO}, {', '.join(RUNTIMES)}")
    return RUNTIMES[chosen](precision)


class FirstThatRuns:
    """The first of several runtimes; from the first time that it can't run, the next one, and a notice."""

    def __init__(self, names: list[str], precision: str | None) -> None:
        self._names, self._precision = names, precision
        self._runtime: Runtime | None = None

    @property
    def name(self) -> str:
        """The name of the one that computes."""
        return self._names[0]

    def encoder(self, weights: Path | None = None) -> PhotoEncoder:
        """See `Runtime.encoder`."""
        return self._try(lambda runtime: runtime.encoder(weights))

    def reduction(self, pca: FeaturePCA) -> Reduction:
        """See `Runtime.reduction`."""
        return self._try(lambda runtime: runtime.reduction(pca))

    def attention(self, pack: "Pack") -> CellWeights:
        """See `Runtime.attention`."""
        return self._try(lambda runtime: runtime.attention(pack))

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """See `Runtime.search`."""
        return self._try(lambda runtime: runtime.search(pack, settings))

    def _try(self, ask: Callable[[Runtime], Part]) -> Part:
        try:
            self._runtime = self._runtime or RUNTIMES[self._names[0]](self._precision)
            return ask(self._runtime)
        except CaptionRuntimeError as error:
            if len(self._names) == 1:
                raise
            logger.warning("%s; going on with %s", error, self._names[1])
            del self._names[0]
            self._runtime = None
        return self._try(ask)
