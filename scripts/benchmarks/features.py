"""`scripts/bench features`: from photo files to stored features."""

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.material import part, photos
from benchmarks.options import BenchError, Options
from benchmarks.sides import Turn, compare
from benchmarks.tutorial_features import TutorialFeatures
from polycap.encoder.protocol import PhotoEncoder

__all__ = ["OurFeatures", "rows", "runtime_of"]

BASELINE_PHOTOS = 24


def rows(options: Options) -> list[dict[str, Any]]:
    """Compare the extraction of `polycap features` with one `predict` per photo. Return one row."""
    paths = photos(options)
    some = part(paths, options.baseline_photos or BASELINE_PHOTOS)
    sides = partial(OurFeatures, paths), partial(TutorialFeatures, some)
    return [compare("features", "photos/s", *sides, options.repeats)]


def runtime_of(encoder: PhotoEncoder) -> str:
    """Return the runtime and precision of an encoder, as text."""
    from polycap.runtime.openvino_runtime import ExportedEncoder

    name = "OpenVINO" if isinstance(encoder, ExportedEncoder) else "Keras"
    return f"{name}, {encoder.precision}"


class OurFeatures:
    """polycap, with this machine's runtime. See `Side`."""

    def __init__(self, photos: Sequence[Path]) -> None:
        from polycap.encoder.artefact import open_encoder
        from polycap.runtime.choose import open_runtime

        # A repeated photo needs a different name each time.
        self._photos = [(f"{number}-{path.name}", path) for number, path in enumerate(photos)]
        self._encoder = open_runtime().encoder(open_encoder())
        self.about = f"polycap's extract_features, {runtime_of(self._encoder)}"
        self.size = f"{len(photos)} photos"

    def warm_up(self) -> None:
        """Extract the features of a whole batch."""
        self._extract(self._photos[:32])

    def turn(self) -> Turn:
        """Extract and store the features of the photo files."""
        return Turn(len(self._photos), self._extract(self._photos))

    def _extract(self, photos: Sequence[tuple[str, Path]]) -> float:
        from polycap.features.extract import extract_features

        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            store = extract_features(photos, self._encoder, Path(folder) / "store", progress=False)
            seconds = time.perf_counter() - start
        if store.faults:
            raise BenchError(f"{next(iter(store.faults.values()))}; name photos that can all be read")
        return seconds
