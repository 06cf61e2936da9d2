"""Captioner of one language: photos in, captions out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from polycap.captioning.caption import Candidate, Caption
from polycap.captioning.pickled import reduce_by_loading
from polycap.captioning.stream import CaptionRequest, PhotoCaptions, caption_requests
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import PhotoError, PolycapError
from polycap.language import Language
from polycap.language.settings import DecodingSettings
from polycap.machine.fork import require_same_process
from polycap.pack.pack import Pack
from polycap.photos.load import Photograph, hold_photo, is_photo, load_photo
from polycap.runtime.choose import open_runtime
from polycap.runtime.protocol import CellWeights, Runtime

if TYPE_CHECKING:
    from polycap.captioning.attention import AttentionMap

__all__ = ["Captioner", "Errors", "Photos", "stream_captions"]

Errors = Literal["raise", "return"]
"""Treatment of a photo that can't be read: raise its `PhotoError`, or return it in the caption's place."""

Photos: TypeAlias = "Photograph | Iterable[Photograph]"
"""One photo or an iterable of photos."""


class Captioner:
    """A language's trained decoder with an encoder. Load it with `polycap.load`.

    >>> captioner = polycap.load("en")                  # doctest: +SKIP
    >>> captioner("dog.jpg").text                       # doctest: +SKIP
    'a brown dog is running through the grass'

    Any number of threads may call it. A forked process must load its own captioner. A pickle of it holds how it was
    loaded, and loads it where it is opened, once per process.

    Attributes:
        language: language of the captions.
        pack: decoder, tokenizer, card, and the artefact with PCA and photo layers.
        encoder: photo encoder; several captioners may share it.
        runtime: runtime that computes the decoder.

    Args:
        language: language of the captions.
        pack: pack of the language.
        encoder: photo encoder.
        decoding: settings of the search. (default: the language's own, and those that its build chose)
        runtime: runtime that computes the decoder. (default: that of `open_runtime`)

    Raises:
        PackError: the pack is of another encoder.
        CaptionRuntimeError: the runtime is not installed, or can't run.
    """

    loaded_by: "dict[str, Any] | None" = None
    """Arguments of `polycap.load`, by which a copy in another process is loaded; None if it was not loaded by it."""

    translated_by = ""
    """Source language and engine of translated captions, `CODE:ENGINE`; empty if they are not translated."""

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
        self._reduction = self.runtime.reduction(pack.pca)
        self._search = self.runtime.search(pack, decoding or pack.card.search_settings(language.decoding))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.language.code}>"

    def __reduce__(self) -> Any:
        return reduce_by_loading(self.language.code, self.loaded_by)

    @overload
    def __call__(self, photos: Photograph, *, n_best: int = 1) -> Caption: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, photos: Iterable[Photograph], *, n_best: int = 1) -> list[Caption]: ...

    def __call__(self, photos: Photos, *, n_best: int = 1) -> Caption | list[Caption]:
        """Caption one photo or several.

        Args:
            photos: a path, a file's bytes, an open file, a Pillow image, or an array or tensor of RGB pixels,
                `(height, width, 3) uint8`; or an iterable of them, such as a list, a pandas column, an array of paths
                or `(photos, height, width, 3) uint8`. A file is read at once, and becomes a `PhotoBytes`.
            n_best: maximum number of candidates per caption, up to the width of the search. (default: 1)

        Returns:
            A caption for a photo, a list of captions for an iterable.

        Raises:
            PhotoError: a photo can't be read. `pipe` with `errors="return"` captions the others.
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
        """Caption a stream of photos, in order; few photos are in memory at once.

        Args:
            photos: an iterable, as for `__call__`; it is consumed in the caller's thread, at most 64 photos ahead.
            n_best: maximum number of candidates per caption, up to the width of the search. (default: 1)
            errors: treatment of a photo that can't be read: "raise" its error, which ends the iterator, or "return" it
                in the caption's place. (default: "raise")

        Yields:
            A caption per photo, or its `PhotoError`, whose attribute `photo` is the photo.

        Raises:
            PolycapError: `n_best` or `errors` has a value that is not allowed.
            PhotoError: a photo can't be read, and `errors` is "raise".
            CaptionRuntimeError: this process was forked from one that had captioned.
        """
        code = self.language.code
        results = stream_captions([self], photos, n_best, errors)
        return (result if isinstance(result, PhotoError) else result[code] for result in results)

    def decode(self, grid: NDArray[np.float16], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """Search for the candidates of each photo, from the encoder's output, `(photos, cells, channels) float16`."""
        return self.decode_reduced(self.reduce(grid), n_best)

    def reduce(self, grid: NDArray[np.float16]) -> NDArray[np.float32]:
        """Reduce the encoder's output by its PCA: `(photos, cells, channels)` to fewer channels, float32."""
        return self._reduction(grid)

    def decode_reduced(self, features: NDArray[Any], n_best: int = 1) -> list[tuple[Candidate, ...]]:
        """Search for the candidates of each photo, from reduced features.

        Args:
            features: features reduced by the PCA, `(photos, cells, channels) float16 or float32`.
            n_best: maximum number of candidates per photo. (default: 1)
        """
        result = self._search.find(features)
        return [
            self._candidates(
                result.token_ids[row][valid], result.scores[row][valid], result.log_probs[row][valid], n_best
            )
            for row, valid in enumerate(map(result.valid, range(len(result.scores))))
        ]

    def attention(self, photo: Photograph, text: str) -> "list[AttentionMap]":
        """Compute the attention map of each token of a photo's caption; see `Caption.attention`, which calls this.

        Args:
            photo: a photo, as for `__call__`.
            text: normalised text, such as a caption of this captioner.

        Raises:
            PhotoError: the photo can't be read.
            CaptionRuntimeError: this process was forked from one that had captioned, or the runtime can't compute them.
        """
        require_same_process()
        grid = self.encoder.grid(load_photo(photo, self.encoder.size)[None])  # (1, cells, channels)
        return self.attention_maps(self.reduce(grid), [text])[0]

    def attention_maps(self, features: NDArray[np.float32], texts: Sequence[str]) -> "list[list[AttentionMap]]":
        """Compute the attention maps of texts from reduced features.

        Args:
            features: features reduced by the PCA, `(photos, cells, channels) float32`, one photo per text.
            texts: normalised texts; they need not come from the decoder.

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
        """Decode hypotheses to texts with single spaces. Of several hypotheses with one text, the first is returned."""
        unique: dict[str, Candidate] = {}
        for ids, score, log_prob in zip(token_ids, scores, log_probs, strict=True):
            text = " ".join(self.pack.tokenizer.decode(ids).split())
            unique.setdefault(text, Candidate(text, float(score), float(log_prob)))
        return tuple(unique.values())[:n_best]


def stream_captions(
    captioners: list[Captioner], photos: Photos, n_best: int, errors: Errors
) -> Iterator[PhotoCaptions]:
    """Caption each photo by all captioners. Arguments and errors are those of `Captioner.pipe`."""
    if errors not in ("raise", "return"):
        raise PolycapError(f'errors: is {errors!r}; it is "raise" or "return"')
    if n_best < 1:
        raise PolycapError(f"n_best: is {n_best}; it is a number from 1 up")
    listed: Iterable[Photograph] = [photos] if is_photo(photos) else photos  # type: ignore[list-item,assignment]
    if isinstance(listed, Mapping) or not (hasattr(listed, "__iter__") or hasattr(listed, "__getitem__")):
        raise PhotoError(f"{type(photos).__name__}: is neither a photo nor an iterable of photos")
    requests = (CaptionRequest(hold_photo(photo), captioners) for photo in listed)
    return _raise_errors(caption_requests(requests, captioners[0].encoder, n_best=n_best), errors)


def _raise_errors(results: Iterator[PhotoCaptions], errors: Errors) -> Iterator[PhotoCaptions]:
    for result in results:
        if isinstance(result, PhotoError) and errors == "raise":
            raise result
        yield result
