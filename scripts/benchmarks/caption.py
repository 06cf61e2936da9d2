"""`scripts/bench caption`: from photo files to captions, and from ready features to captions."""

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.features import runtime_of
from benchmarks.material import part, photos
from benchmarks.options import Options
from benchmarks.sides import Turn, apart, compare
from benchmarks.tutorial_caption import TutorialCaptions, TutorialSearch

__all__ = ["OurCaptions", "OurSearch", "ready_features", "rows"]

BASELINE_PHOTOS = 10
BATCH = 32
"""Photos at a time, as `polycap.captioning.stream` has them."""


def rows(options: Options) -> list[dict[str, Any]]:
    """Compare captions by the language's search with greedy ones: from photos, and from features. Return two rows."""
    paths, code = photos(options), options.language
    count = options.baseline_photos or BASELINE_PHOTOS
    both = partial(OurCaptions, paths, code), partial(TutorialCaptions, part(paths, count), code)
    whole = compare("caption", "photos/s", *both, options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "features.npy"
        apart(ready_features, paths, code, ready)
        sides = partial(OurSearch, ready, code), partial(TutorialSearch, ready, count, code)
        return [whole, compare("caption, features apart", "photos/s", *sides, options.repeats)]


def ready_features(photos: Sequence[Path], code: str, path: Path) -> None:
    """Write the decoder's features of each photo, `(photos, cells, channels) float16`; encode a repeated photo once.

    Raises:
        PhotoError: a photo can't be read.
    """
    from polycap.errors import PhotoError
    from polycap.language import get_language
    from polycap.pack.pack import load_pack
    from polycap.photos.batches import decode_batches
    from polycap.runtime.choose import open_runtime

    artefact = load_pack(get_language(code).pack_folder).encoder
    pca, encoder = artefact.pca, open_runtime().encoder(artefact)
    different = list(dict.fromkeys(photos))
    found: dict[Path, Any] = {}
    for batch in decode_batches([(photo, photo) for photo in different], encoder.size):
        for _, pixels in batch:
            if isinstance(pixels, PhotoError):
                raise pixels
        grid = encoder.grid(np.stack([pixels for _, pixels in batch if not isinstance(pixels, PhotoError)]))
        reduced = pca(grid).astype(np.float16)
        found |= dict(zip((photo for photo, _ in batch), reduced, strict=True))
    np.save(path, np.stack([found[photo] for photo in photos]))


class OurCaptions:
    """polycap, from photo files, with the language's own search. See `Side`."""

    def __init__(self, photos: Sequence[Path], code: str) -> None:
        import polycap

        self._photos = photos
        self._captioner = polycap.load(code)
        runtime = runtime_of(self._captioner.encoder)
        self.about = f"polycap's captioner, beam {self._captioner.language.decoding.beam_width}, {runtime}"
        self.size = f"{len(photos)} photos"

    def warm_up(self) -> None:
        """Caption a whole batch."""
        self._caption(self._photos[:BATCH])

    def turn(self) -> Turn:
        """Caption the photo files."""
        start = time.perf_counter()
        self._caption(self._photos)
        return Turn(len(self._photos), time.perf_counter() - start)

    def _caption(self, photos: Sequence[Path]) -> None:
        self._captioner(photos)


class OurSearch:
    """polycap, from ready features, with the language's own search. See `Side`."""

    def __init__(self, features: Path, code: str) -> None:
        """Open `features`, a file of `(photos, cells, channels)`, and load the captioner."""
        import polycap

        self._features = np.load(features, mmap_mode="r")
        self._captioner = polycap.load(code)
        runtime = runtime_of(self._captioner.encoder)
        self.about = f"polycap's search, beam {self._captioner.language.decoding.beam_width}, {runtime}"
        self.size = f"{len(self._features)} photos"

    def warm_up(self) -> None:
        """Caption a whole batch."""
        self._captioner.decode_reduced(self._features[:BATCH])

    def turn(self) -> Turn:
        """Caption the features."""
        start = time.perf_counter()
        for begin in range(0, len(self._features), BATCH):
            self._captioner.decode_reduced(self._features[begin : begin + BATCH])
        return Turn(len(self._features), time.perf_counter() - start)
