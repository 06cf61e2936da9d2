"""Select a runtime by name, or the first that is available."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.pca import FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import CaptionRuntimeError
from polycap.language.settings import DecodingSettings
from polycap.runtime.keras_runtime import KerasRuntime
from polycap.runtime.openvino_runtime import OpenVINORuntime
from polycap.runtime.precision import AUTO, INT8, choose_precision
from polycap.runtime.protocol import CaptionSearch, CellWeights, Reduction, Runtime

if TYPE_CHECKING:
    from polycap.pack.pack import Pack

__all__ = ["RUNTIMES", "RUNTIME_VARIABLE", "open_runtime"]

logger = logging.getLogger(__name__)

RUNTIME_VARIABLE = "POLYCAP_RUNTIME"
RUNTIMES: dict[str, Callable[[str | None], Runtime]] = {"openvino": OpenVINORuntime, "keras": KerasRuntime}
"""Runtimes by name, the fastest first, the reference last."""

Part = TypeVar("Part")


def open_runtime(name: str | None = None, *, precision: str | None = None, reference: bool = False) -> Runtime:
    """Open a runtime by its name: openvino, keras, or auto.

    Args:
        name: runtime; auto is OpenVINO, and Keras, with a warning, if OpenVINO is not installed or fails. (default: the
            environment variable `POLYCAP_RUNTIME`, else auto)
        precision: precision of the encoder, as for `choose_precision`.
        reference: whether auto tries Keras first, for values that are compared with others. (default: False)

    Raises:
        CaptionRuntimeError: there is no such runtime or precision, or the runtime lacks the precision.
    """
    chosen = name or os.environ.get(RUNTIME_VARIABLE) or AUTO
    if chosen == AUTO:
        if choose_precision(precision) == INT8:
            return OpenVINORuntime(precision)  # the only runtime with int8
        names = list(RUNTIMES)
        return FirstThatRuns(names[::-1] if reference else names, precision)
    if chosen not in RUNTIMES:
        where = "`runtime`" if name else RUNTIME_VARIABLE
        raise CaptionRuntimeError(f"{where} {chosen}: no such runtime; there are {AUTO}, {', '.join(RUNTIMES)}")
    return RUNTIMES[chosen](precision)


class FirstThatRuns:
    """Runtime that delegates to the first of several; once that fails, it warns and delegates to the next one."""

    def __init__(self, names: list[str], precision: str | None) -> None:
        self._names, self._precision = names, precision
        self._runtime: Runtime | None = None

    @property
    def name(self) -> str:
        """Name of the runtime in use."""
        return self._names[0]

    def encoder(self, artefact: EncoderArtefact) -> PhotoEncoder:
        """See `Runtime.encoder`."""
        return self._try(lambda runtime: runtime.encoder(artefact))

    def middle_flow(self, weights: Path | None = None) -> PhotoEncoder:
        """See `Runtime.middle_flow`."""
        return self._try(lambda runtime: runtime.middle_flow(weights))

    def reduction(self, pca: FeaturePCA) -> Reduction:
        """See `Runtime.reduction`."""
        return self._try(lambda runtime: runtime.reduction(pca))

    def attention(self, pack: "Pack") -> CellWeights:
        """See `Runtime.attention`."""
        return self._try(lambda runtime: runtime.attention(pack))

    def search(self, pack: "Pack", settings: DecodingSettings) -> CaptionSearch:
        """See `Runtime.search`."""
        return self._try(lambda runtime: runtime.search(pack, settings))

    def _try(self, get_part: Callable[[Runtime], Part]) -> Part:
        try:
            self._runtime = self._runtime or RUNTIMES[self._names[0]](self._precision)
            return get_part(self._runtime)
        except CaptionRuntimeError as error:
            if len(self._names) == 1:
                raise
            logger.warning("%s; continuing with %s", error, self._names[1])
            del self._names[0]
            self._runtime = None
        return self._try(get_part)
