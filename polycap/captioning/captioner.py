"""One language's captioner: photos in, captions out."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeGuard, overload

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from polycap.captioning.caption import Candidate, Caption
from polycap.captioning.stream import CaptionRequest, PhotoCaptions, caption_requests
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import PhotoError, PolycapError
from polycap.language import Language
from polycap.language.settings import DecodingSettings
from polycap.machine.fork import require_same_process
from polycap.pack.pack import Pack
from polycap.photos.load import PhotoBytes, Photograph, load_photo
from polycap.runtime.choose import open_runtime
from polycap.runtime.protocol import CellWeights, Runtime

if TYPE_CHECKING:
    from polycap.captioning.attention import AttentionMap

__all__ = ["Captioner", "Errors", "Photos", "is_photo", "stream_captions"]

Errors = Literal["raise", "return"]
"""A photo that can't be read: raise its `PhotoError`, or return it in the caption's place."""


Photos: TypeAlias = "Photograph | Iterable[Photograph]"
"""One photo or many."""


class Captioner:
    """A language's trained decoder with the shared encoder; made by `polycap.load`.

    >>> captioner = polycap.load("en")                  # doctest: +SKIP
    >>> captioner("dog.jpg").text                       # doctest: +SKIP
    'a brown dog is running through the grass'

    Any number of threads may call it. A forked process loads its own.

    Attributes:
        language: the language of the captions.
        pack: decoder, tokenizer, PCA and card.
        encoder: the photo encoder; several captioners may share it.
        runtime: what computes.

    Args:
        decoding: how to search. (default: the language's own)
        runtime: what computes. (default: as `open_runtime` chooses)

    Raises:
        PackError: the pack is of another encoder, or its weights are not those of its card.
        CaptionRuntimeError: the runtime is not installed, or can't run.
    """

    translated_by = ""
    """Language and engine that the captions are translated by, `CODE:ENGINE`; empty if they are not translated."""

    def __init__(
        self,
        language: Language,
        pack: Pack,
        encoder: PhotoEncoder,
        decoding: DecodingSettings | None = None,
        runtime: Runtime | None = None,
    ):
        pack.require_encoder(encoder.identity)
        pack.require_grid(encoder.cells, sum(encoder.blocks))
        self.language, self.pack, self.encoder = language, pack, encoder
        self.runtime = runtime or open_runtime()
        self._reduction = self.runtime.reduction(pack.pca) if pack.pca else None
        self._search = self.runtime.search(pack, decoding or language.decoding)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.language.code}>"

    @overload
    def __call__(self, photos: Photograph, *, n_best: int = 1) -> Caption: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, photos: Iterable[Photograph], *, n_best: int = 1) -> list[Caption]: ...

    def __call__(self, photos: Photos, *, n_best: int = 1) -> Caption | list[Caption]:
        """Caption a photo, or each of several.

        Args:
            photos: a path, a file's bytes, a Pillow image or an array `(height, width, 3) uint8`; or any iterable of
                them: a list, a pandas column, an array of paths, `(photos, height, width, 3) uint8`.
            n_best: candidates per caption; there are no more than the search is wide. (default: 1)

        Returns:
            A caption for a photo, a list for an iterable.

        Raises:
            PhotoError: a photo can't be read. `pipe` with `errors="return"` goes on instead.
            CaptionRuntimeError: this process was forked from one that had captioned.
        """
        captions = list(self.pipe(photos, n_best=n_best))
        return captions[0] if is_photo(photos) else captions

    @overload
    def pipe(self, photos: Photos, *, n_best: int = 1) -> Iterator[Caption]: ...

    @overload
    def pipe(self, photos: Photos, *, n_best: int = 1, errors: Literal["raise"]) -> Iterator[Caption]: ...

    @overload
    def pipe(self, photos: Photos, *, n_best: int = 1, errors: Errors) -> Iterator[Caption | PhotoError]: ...

    def pipe(self, photos: Photos, *, n_best: int = 1, errors: Errors = "raise") -> Iterator[Caption | PhotoError]:
        """Caption photos one after another, in order, as they are ready: any number, since few are in memory.

        Args:
            photos: an iterable, as `__call__` takes it; drawn by the caller's thread, at most 64 photos ahead.
            n_best: candidates per caption; there are no more than the search is wide. (default: 1)
            errors: "raise" a photo's error, which ends the iterator, or "return" it in the caption's place.
                (default: "raise")

        Yields:
            A caption per photo, or its `PhotoError`, whose `photo` is the photo.

        Raises:
            PolycapError: a value that is not allowed.
            PhotoError: a photo can't be read, and `errors` is "raise".
            CaptionRuntimeError: this process was forked from one that had captioned.
        """
        code = self.language.code
        results = stream_captions([self], photos, n_best, errors)
        return (result if isinstance(result, PhotoError) else result[code] for result in results)

    def decode(self, grid: NDArray[np.float16], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """Return the candidates of each photo from the encoder's output, `(photos, cells, channels) float16`."""
        return self.decode_reduced(self.reduce(grid), n_best)

    def reduce(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """Return the encoder's output as the decoder takes it, `(photos, cells, channels) float32`: fewer channels."""
        return self._reduction(grid) if self._reduction else self.pack.reduce(grid)

    def decode_reduced(self, features: NDArray[Any], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """Return the candidates of each photo from features that the pack's PCA has reduced, `(photos, cells, channels)
        float16 or float32`.
        """
        found = self._search.find(features)
        return [
            self._candidates(found.token_ids[row][valid], found.scores[row][valid], found.log_probs[row][valid], n_best)
            for row, valid in enumerate(map(found.valid, range(len(found.scores))))
        ]

    def attention(self, photo: Photograph, text: str) -> "list[AttentionMap]":
        """Compute the attention map of each token of a text that this decoder has written for a photo.

        Returns:
            As `Caption.attention`, which calls this.

        Raises:
            PhotoError: the photo can't be read.
            CaptionRuntimeError: this process was forked from one that had captioned, or the runtime can't compute them.
        """
        require_same_process()
        grid = self.encoder.grid(load_photo(photo, self.encoder.size)[None])  # (1, cells, channels)
        return self.attention_maps(self.reduce(grid), [text])[0]

    def attention_maps(self, features: NDArray[np.float32], texts: Sequence[str]) -> "list[list[AttentionMap]]":
        """Compute the attention maps of texts from reduced features, `(photos, cells, channels) float32`, a photo each.

        The texts are normalised as the decoder has learned to write; they need not be its own.

        Raises:
            CaptionRuntimeError: the runtime can't compute them.
        """
        from polycap.captioning.attention import attention_maps

        return attention_maps(self.pack.tokenizer, self._cell_weights, features, texts)

    @cached_property
    def _cell_weights(self) -> CellWeights:
        return self.runtime.attention(self.pack)

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
            text = " ".join(self.pack.tokenizer.decode(ids).split())
            unique.setdefault(text, Candidate(text, float(score), float(log_prob)))
        return tuple(unique.values())[:n_best]


def is_photo(photos: Photos) -> TypeGuard[Photograph]:
    """Return whether this is one photo, and not an iterable: a path has letters and an array has rows, too."""
    if isinstance(photos, np.ndarray):
        return photos.dtype.kind not in "OSU" and photos.ndim < 4
    return isinstance(photos, str | bytes | PathLike | PhotoBytes | Image)


def stream_captions(
    captioners: list[Captioner], photos: Photos, n_best: int, errors: Errors
) -> Iterator[PhotoCaptions]:
    """Caption each photo by all captioners; arguments and results are those of `Captioner.pipe`."""
    if errors not in ("raise", "return"):
        raise PolycapError(f'errors: is {errors!r}; it is "raise" or "return"')
    if n_best < 1:
        raise PolycapError(f"n_best: is {n_best}; it is a number from 1 up")
    encoder = captioners[0].encoder
    for captioner in captioners:
        captioner.pack.require_encoder(encoder.identity)
    listed: Iterable[Photograph] = [photos] if is_photo(photos) else photos  # type: ignore[assignment]
    requests = (CaptionRequest(photo, captioners) for photo in listed)
    return _raised(caption_requests(requests, encoder, n_best=n_best), errors)


def _raised(results: Iterator[PhotoCaptions], errors: Errors) -> Iterator[PhotoCaptions]:
    for result in results:
        if isinstance(result, PhotoError) and errors == "raise":
            raise result
        yield result
