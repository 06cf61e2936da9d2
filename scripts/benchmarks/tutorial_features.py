"""Baseline of `features`: one `model.predict` per photo."""

import pickle
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.sides import Turn
from benchmarks.tutorial import plain_keras, without_xla

__all__ = ["TutorialFeatures", "encoder_network", "read_photo"]


def encoder_network(pooled: bool) -> Any:
    """Build Xception without its top, with the weights of the shared encoder: pooled, or the cells of decoders."""
    keras = plain_keras()
    from polycap.encoder.artefact import open_encoder
    from polycap.encoder.network import cells_of

    pooling = "avg" if pooled else None
    model = keras.applications.Xception(weights=None, include_top=False, pooling=pooling, input_shape=(299, 299, 3))
    model.set_weights(open_encoder().tensors)
    if not pooled:
        photos = keras.Input((299, 299, 3))
        model = keras.Model(photos, cells_of(model, (photos + 1.0) * 127.5))
    return without_xla(model)


def read_photo(path: Path) -> NDArray[np.float32]:
    """Load a photo, resize it, scale it to [−1, 1], and add the axis of the batch: `(1, 299, 299, 3) float32`."""
    keras = plain_keras()
    image = keras.utils.load_img(path, target_size=(299, 299))
    batch = np.expand_dims(keras.utils.img_to_array(image), axis=0)
    return np.asarray(keras.applications.xception.preprocess_input(batch), dtype=np.float32)


class TutorialFeatures:
    """Mirrors the tutorials' `extract_features(directory)`.

    One photo after the other: Keras' `load_img`, resized; `model.predict` of a batch of one; the pooled vector into a
    dictionary, which is pickled at the end. See `Side`.
    """

    about = "a loop of load_img and model.predict of one photo, pickled; Keras, TensorFlow, float32"

    def __init__(self, photos: Sequence[Path]) -> None:
        self._photos = photos
        self.size = f"{len(photos)} photos"
        self._model = encoder_network(pooled=True)

    def warm_up(self) -> None:
        """Trace the graphs by a first call."""
        self.extract(self._photos[:1])

    def extract(self, photos: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
        """Return each photo's vector, `(1, 2048) float32`, by its path."""
        return {str(photo): self._model.predict(read_photo(photo), verbose=0) for photo in photos}

    def turn(self) -> Turn:
        """Extract and store the features of the photo files."""
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            features = self.extract(self._photos)
            with (Path(folder) / "features.p").open("wb") as stream:
                pickle.dump(features, stream)
            return Turn(len(self._photos), time.perf_counter() - start)
