"""Baseline of `caption`: greedy search by one `model.predict` per word, with polycap's decoder."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.sides import Turn
from benchmarks.tutorial import plain_keras, without_xla
from benchmarks.tutorial_features import encoder_network, read_photo
from polycap.text.tokenizer import BOS, EOS, PAD, Tokenizer

if TYPE_CHECKING:
    from polycap.decoder.base import Decoder

__all__ = ["TutorialCaptions", "TutorialSearch", "WordByWord"]


def next_word_model(decoder: "Decoder") -> Any:
    """Build the model: `[features (1, cells, channels), prefix (1, length)]` → next word's `(1, vocab_size)`.

    As a tutorial's model it reads the whole prefix, which is padded at its end, and computes the output layer for its
    last word alone.
    """
    keras: Any = plain_keras()
    from polycap.decoder.packed import pack_equal_lengths

    ops, model_class = keras.ops, keras.Model

    class NextWord(model_class):  # type: ignore[misc,valid-type]
        def __init__(self) -> None:
            super().__init__(name="next_word")
            self.decoder = decoder

        def call(self, inputs: tuple[Any, Any]) -> Any:
            features, prefix = inputs
            packing = pack_equal_lengths(prefix[:, None])
            memory, outputs = decoder.run(features, packing)  # (length, units)
            last = ops.sum(ops.cast(prefix != PAD, "int32"), axis=-1) - 1  # (1,)
            state = ops.take(outputs, last, axis=0)[None]  # (1, 1, units)
            return ops.softmax(decoder.logits(decoder.read(state, memory))[:, 0])

    return without_xla(NextWord())


class WordByWord:
    """Mirrors the tutorials' `generate_desc(model, tokenizer, photo, max_length)`.

    The prefix is padded to the full length and goes through `model.predict` for each word; the likeliest one is looked
    up and added, until the end comes. Two things are quicker than in most tutorials: a word is looked up by its number
    at once, where they search the vocabulary, and the prefix is not made from text again each time.
    """

    def __init__(self, decoder: "Decoder", tokenizer: Tokenizer, length: int) -> None:
        self._model = next_word_model(decoder)
        self._words, self._length = tokenizer.pieces, length

    def caption(self, features: NDArray[Any]) -> str:
        """Caption features `(cells, channels)` in at most `length` tokens."""
        keras = plain_keras()
        token_ids, words = [BOS], []
        photo = np.asarray(features, dtype=np.float32)[None]
        for _ in range(self._length):
            prefix = keras.utils.pad_sequences([token_ids], maxlen=self._length, padding="post", value=PAD)
            chances = self._model.predict((photo, prefix), verbose=0)[0]
            token = int(np.argmax(chances[EOS:])) + EOS  # lower ids are special tokens, not words
            if token == EOS:
                break
            token_ids.append(token)
            words.append(self._words[token])
        return "".join(words).replace("▁", " ").strip()  # a piece that begins a word begins with ▁


class TutorialSearch:
    """A caption of each ready grid of features. See `Side`."""

    def __init__(self, features: Path, count: int, code: str) -> None:
        """Open `count` of the features in a file of `(photos, cells, channels)`, evenly spaced among all."""
        from benchmarks.material import part

        self._features = part(np.load(features, mmap_mode="r"), count)
        self._loop = _word_by_word(code)[0]
        self.about = "a loop of model.predict per word, greedy, same decoder; Keras, TensorFlow, float32"
        self.size = f"{len(self._features)} photos"

    def warm_up(self) -> None:
        """Trace the graphs by a first call."""
        self._loop.caption(self._features[0])

    def turn(self) -> Turn:
        """Caption the features."""
        start = time.perf_counter()
        for features in self._features:
            self._loop.caption(features)
        return Turn(len(self._features), time.perf_counter() - start)


class TutorialCaptions:
    """A caption of each photo: one `predict` for its features, then one per word. See `Side`."""

    def __init__(self, photos: Sequence[Path], code: str) -> None:
        self._photos = photos
        self._encoder = encoder_network(pooled=False)
        self._loop, self._reduce = _word_by_word(code)
        self.about = "a loop of model.predict per photo and per word, greedy, same decoder; Keras, TensorFlow, float32"
        self.size = f"{len(photos)} photos"

    def warm_up(self) -> None:
        """Trace the graphs by a first call."""
        self._caption(self._photos[0])

    def turn(self) -> Turn:
        """Caption the photo files."""
        start = time.perf_counter()
        for photo in self._photos:
            self._caption(photo)
        return Turn(len(self._photos), time.perf_counter() - start)

    def _caption(self, photo: Path) -> str:
        cells = self._encoder.predict(read_photo(photo), verbose=0)  # (1, 100, 2840)
        return self._loop.caption(self._reduce(cells)[0])


def _word_by_word(code: str) -> tuple[WordByWord, Any]:
    """Return the loop over the decoder of a language's pack, as long as its search, and how the pack reduces cells."""
    plain_keras()
    from polycap.language import get_language
    from polycap.pack.pack import load_pack

    language = get_language(code)
    pack = load_pack(language.pack_folder)
    return WordByWord(pack.decoder, pack.tokenizer, language.decoding.max_length), pack.pca
