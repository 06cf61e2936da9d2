"""Photos in, captions out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from polycap.decoder.found import NEVER
from polycap.decoder.pack import Pack, load_pack
from polycap.decoder.risk import in_order
from polycap.errors import PhotoError
from polycap.features.extract import Decoded, decode_batches, one_ahead
from polycap.features.images import PhotoBytes, Photograph
from polycap.features.protocol import PhotoEncoder
from polycap.fork import require_same_process
from polycap.language import DecodingSettings, Language
from polycap.registry import get_language
from polycap.runtime.base import Runtime
from polycap.runtime.choose import open_runtime

__all__ = ["Candidate", "Captioner", "Result", "Wanted", "caption_each", "caption_photos"]


@dataclass(frozen=True)
class Candidate:
    """A caption with its score (log-probability / length ** length_penalty) and log-probability, in nats.

    `source` is the caption before translation, if it is translated; the figures are then the source's.
    """

    caption: str
    score: float
    log_prob: float
    source: str = ""


@dataclass(frozen=True)
class Result:
    """What became of a photo: its candidates by language code, or why it could not be read.

    The first is the caption: the likeliest, or, where the language has `minimum_bayes_risk`, that most like all.
    """

    photo: Photograph
    candidates: dict[str, tuple[Candidate, ...]]
    error: PhotoError | None = None


class Captioner:
    """A language's trained decoder with the shared encoder.

    >>> captioner = Captioner.load("en")                # doctest: +SKIP
    >>> captioner.caption(["dog.jpg"])                  # doctest: +SKIP
    ['a brown dog is running through the grass']
    """

    def __init__(
        self,
        language: Language,
        pack: Pack,
        encoder: PhotoEncoder,
        settings: DecodingSettings | None = None,
        runtime: Runtime | None = None,
    ):
        pack.require_encoder(encoder.identity)
        pack.require_grid(encoder.cells, sum(encoder.blocks))
        self.language, self.pack, self.encoder = language, pack, encoder
        self._settings = settings or language.decoding
        runtime = runtime or open_runtime()
        self._reduction = runtime.reduction(pack.pca) if pack.pca else None
        self._search = runtime.search(pack, self._settings)

    @classmethod
    def load(
        cls,
        code: str,
        *,
        pack: str | PathLike[str] | None = None,
        encoder: PhotoEncoder | None = None,
        weights: str | PathLike[str] | None = None,
        settings: DecodingSettings | None = None,
        runtime: Runtime | str | None = None,
        precision: str | None = None,
    ) -> "Captioner":
        """The captioner of a language.

        Args:
            code: the language, such as "en".
            pack: a pack other than the language's own, such as a run's.
            encoder: an encoder that is loaded already, to share it between languages.
            weights: the encoder's weights, if it is not and they are not where `find_weights` looks.
            settings: how to search, if not as the language's folder says.
            runtime: what computes: auto, openvino or keras, as `open_runtime` has it, or one that is open.
            precision: in which numbers the encoder computes, as `choose_precision` has it; an open runtime has its own.

        Raises:
            LanguageError: no such language.
            PackError: it has no trained pack, or the pack is broken or of another encoder.
            EncoderError: the encoder's weights can't be had.
            CaptionRuntimeError: no such runtime, or it is not installed or can't run.
        """
        language = get_language(code)
        loaded = load_pack(Path(pack or language.pack_folder))  # before the encoder: a missing pack is known at once
        opened = open_runtime(runtime, precision=precision) if runtime is None or isinstance(runtime, str) else runtime
        encoder = encoder or opened.encoder(Path(weights) if weights else None)
        return cls(language, loaded, encoder, settings, opened)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.language.code}>"

    def caption(self, photos: "Iterable[Photograph] | Photograph") -> list[str]:
        """The best caption of each photo: paths, a file's bytes, Pillow images or `(height, width, 3) uint8` arrays.

        One photo alone is taken as a list of one.

        Raises:
            PhotoError: a photo can't be read. `caption_photos` goes on instead.
        """
        captions = []
        for result in caption_photos(photos, [self]):
            if result.error is not None:
                raise result.error
            captions.append(result.candidates[self.language.code][0].caption)
        return captions

    def decode(self, grid: NDArray[np.float16], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """Captions from the encoder's output, `(photos, 100, 2840) float16`."""
        return self.decode_reduced(self.reduce(grid), n_best)

    def reduce(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """The encoder's output as the decoder takes it, `(photos, cells, channels) float32`, of fewer channels."""
        return self._reduction(grid) if self._reduction else self.pack.reduce(grid)

    def decode_reduced(self, features: NDArray[Any], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """Captions from features that the pack's PCA has reduced, `(photos, cells, channels)`."""
        found = in_order(self._search.find(features), self._settings)
        return [
            self._candidates(*beams, n_best)
            for beams in zip(found.token_ids, found.scores, found.log_probs, strict=True)
        ]

    def _candidates(
        self,
        token_ids: NDArray[np.int32],
        scores: NDArray[np.float32],
        log_probs: NDArray[np.float32],
        n_best: int,
    ) -> tuple[Candidate, ...]:
        """Different pieces may spell the same text: each text once, as its first tokens have it, with single spaces."""
        unique: dict[str, Candidate] = {}
        for ids, score, log_prob in zip(token_ids, scores, log_probs, strict=True):
            if score > NEVER / 2:
                text = " ".join(self.pack.tokenizer.decode(ids).split())
                unique.setdefault(text, Candidate(text, float(score), float(log_prob)))
        return tuple(unique.values())[:n_best]


@dataclass(frozen=True)
class Wanted:
    """A photo, and the captioners that are to caption it."""

    photo: Photograph
    captioners: Sequence[Captioner]


def caption_photos(
    photos: "Iterable[Photograph] | Photograph", captioners: Sequence[Captioner], *, n_best: int = 1
) -> Iterator[Result]:
    """Caption photos in one or more languages, encoding each photo once; results come in order, as they are ready.

    Args:
        photos: as `load_photo` takes them, or one alone; of paths any number, since only a few batches are in memory.
        captioners: they must share an encoder.
        n_best: candidates per language, at most the beam width.

    Yields:
        A result per photo. One that can't be read has `error` and stops nothing.

    Any number of threads may call this with the same captioners. One that stops halfway closes the iterator.

    Raises:
        PackError: the captioners don't share an encoder.
        CaptionRuntimeError: this process was forked from one that had captioned.
    """
    return caption_each([Wanted(photo, captioners) for photo in _listed(photos)], n_best=n_best)


def caption_each(wanted: Sequence[Wanted], *, n_best: int = 1) -> Iterator[Result]:
    """As `caption_photos`, but with captioners of each photo's own; all photos of a batch are encoded together.

    Raises:
        PackError: the captioners don't share an encoder.
        CaptionRuntimeError: this process was forked from one that had captioned.
    """
    require_same_process()  # before the threads that decode photos take locks
    captioners = list(dict.fromkeys(captioner for each in wanted for captioner in each.captioners))
    if not captioners:
        return
    encoder = captioners[0].encoder
    for captioner in captioners:
        captioner.pack.require_encoder(encoder.identity)
    batches = decode_batches([(each, each.photo) for each in wanted], encoder.size)
    for batch, grid in one_ahead(_encode(batches, encoder)):  # the encoder computes while captions are searched for
        good = [each for each, decoded in batch if not isinstance(decoded, PhotoError)]
        found = _decode(grid, good, captioners, n_best) if good else {}
        for each, decoded in batch:
            if isinstance(decoded, PhotoError):
                yield Result(each.photo, {}, decoded)
            else:
                yield Result(each.photo, {c.language.code: next(found[c]) for c in each.captioners})


def _encode(
    batches: Iterable[Sequence[tuple[Wanted, Decoded]]], encoder: PhotoEncoder
) -> Iterator[tuple[Sequence[tuple[Wanted, Decoded]], NDArray[np.float16]]]:
    """Each batch with the grids of its good photos."""
    for batch in batches:
        pixels = [decoded for _, decoded in batch if not isinstance(decoded, PhotoError)]
        yield batch, encoder.grid(np.stack(pixels)) if pixels else np.empty(0, dtype=np.float16)


def _decode(
    grid: NDArray[np.float16], wanted: Sequence[Wanted], captioners: Sequence[Captioner], n_best: int
) -> dict[Captioner, Iterator[tuple[Candidate, ...]]]:
    """By captioner, the candidates of those photos that want it, in their order; what packs share is reduced once."""
    found = {}
    reduced: dict[Any, NDArray[np.float32]] = {}
    for captioner in captioners:
        rows = [row for row, each in enumerate(wanted) if captioner in each.captioners]
        if not rows:
            continue
        read = (captioner.pack.card.pca, captioner.pack.card.decoder.channels)
        if read not in reduced:
            reduced[read] = captioner.reduce(grid)
        chosen = reduced[read] if len(rows) == len(wanted) else reduced[read][rows]
        found[captioner] = iter(captioner.decode_reduced(chosen, n_best))
    return found


def _listed(photos: "Iterable[Photograph] | Photograph") -> list[Photograph]:
    """A list also of one photo alone, which could be taken for many: a path for its letters, an array for its rows."""
    if isinstance(photos, str | bytes | PathLike | PhotoBytes | Image):
        return [photos]
    if isinstance(photos, np.ndarray) and photos.ndim < 4:
        return [photos]
    return list(photos)
