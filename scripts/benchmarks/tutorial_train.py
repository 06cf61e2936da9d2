"""Baseline of `train`: a generator of prefixes, one photo at a time, and the merge model."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.sides import Turn
from benchmarks.tutorial import plain_keras

__all__ = ["Captions", "TutorialTraining", "create_sequences", "data_generator", "define_model"]

Captions = Mapping[str, Sequence[Sequence[int]]]
"""Each photo's captions as token ids that begin with the start's and end with the end's."""
Sequences = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def create_sequences(
    captions: Sequence[Sequence[int]], vector: NDArray[np.float32], length: int, vocab_size: int
) -> Sequences:
    """Return each prefix of each caption with the word after it, as the tutorials' function of this name.

    Returns:
        The photo's vector, once per prefix, `(prefixes, channels) float32`; the prefixes, padded before,
        `(prefixes, length) int32`; and the next words, one-hot, `(prefixes, vocab_size)`.
    """
    keras = plain_keras()
    photos, prefixes, words = [], [], []
    for token_ids in captions:
        for end in range(1, len(token_ids)):
            photos.append(vector)
            prefixes.append(keras.utils.pad_sequences([token_ids[:end]], maxlen=length)[0])
            words.append(keras.utils.to_categorical([token_ids[end]], num_classes=vocab_size)[0])
    return np.array(photos), np.array(prefixes), np.array(words)


def data_generator(
    captions: Captions, vectors: Mapping[str, NDArray[np.float32]], length: int, vocab_size: int
) -> Iterator[tuple[tuple[NDArray[Any], NDArray[Any]], NDArray[Any]]]:
    """Yield the sequences of one photo after another, for ever, as the tutorials' function of this name."""
    while True:
        for photo, its_captions in captions.items():
            vector, prefixes, words = create_sequences(its_captions, vectors[photo], length, vocab_size)
            yield (vector, prefixes), words


def define_model(channels: int, length: int, vocab_size: int) -> Any:
    """Build the merge model, as the tutorials' function of this name."""
    keras = plain_keras()
    layers = keras.layers
    photo = keras.Input((channels,))
    encoded = layers.Dense(256, activation="relu")(layers.Dropout(0.5)(photo))
    prefix = keras.Input((length,))
    embedded = layers.Dropout(0.5)(layers.Embedding(vocab_size, 256, mask_zero=True)(prefix))
    merged = layers.add([encoded, layers.LSTM(256)(embedded)])
    word = layers.Dense(vocab_size, activation="softmax")(layers.Dense(256, activation="relu")(merged))
    model = keras.Model([photo, prefix], word)
    # XLA, Keras 3's own choice, would compile anew for each number of prefixes
    model.compile(loss="categorical_crossentropy", optimizer="adam", jit_compile=False)
    return model


class TutorialTraining:
    """Mirrors the tutorials' training: `model.fit(data_generator(…), steps_per_epoch=photos)`. See `Side`."""

    about = "model.fit of a generator of prefixes, merge model; Keras, TensorFlow, float32"

    def __init__(self, captions: Captions, vectors: Mapping[str, NDArray[np.float32]], vocab_size: int) -> None:
        self._captions, self._vectors, self._vocab_size = captions, vectors, vocab_size
        self._length = max(len(ids) - 1 for of_photo in captions.values() for ids in of_photo)
        self._tokens = sum(len(ids) - 1 for of_photo in captions.values() for ids in of_photo)
        self.size = f"{len(captions)} photos, {self._tokens} tokens"
        channels = next(iter(vectors.values())).shape[0]
        self._model = define_model(channels, self._length, vocab_size)

    def warm_up(self) -> None:
        """Trace the graph by a few steps."""
        self._fit(min(2, len(self._captions)))

    def turn(self) -> Turn:
        """Train an epoch."""
        start = time.perf_counter()
        self._fit(len(self._captions))
        return Turn(self._tokens, time.perf_counter() - start)

    def _fit(self, steps: int) -> None:
        generator = data_generator(self._captions, self._vectors, self._length, self._vocab_size)
        self._model.fit(generator, epochs=1, steps_per_epoch=steps, verbose=0, shuffle=False)
