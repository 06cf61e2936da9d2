"""Captions of a stream of photos, in order; photos are decoded, encoded and captioned at the same time."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polycap.captioning.caption import Candidate, Caption
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import PhotoError
from polycap.machine.fork import require_same_process
from polycap.photos.batches import BATCH_SIZE, Decoded, PhotoQueue
from polycap.photos.load import Photograph
from polycap.photos.uniform import is_nearly_uniform

if TYPE_CHECKING:
    from polycap.captioning.captioner import Captioner

__all__ = ["MAX_AHEAD", "CaptionRequest", "PhotoCaptions", "caption_requests"]

_UNIFORM = "the photo is nearly uniform; the caption is a guess"

MAX_AHEAD = 2 * BATCH_SIZE
"""Maximum number of photos that are consumed and not captioned yet."""

PhotoCaptions: TypeAlias = "dict[str, Caption] | PhotoError"
"""A photo's captions by language code, or its error."""


@dataclass(frozen=True)
class CaptionRequest:
    """Request to caption a photo.

    Attributes:
        photo: the photo.
        captioners: captioners to use.
    """

    photo: Photograph
    captioners: "Sequence[Captioner]"


_Encoded: TypeAlias = "tuple[list[tuple[CaptionRequest, Decoded]], NDArray[np.float16]]"


def caption_requests(
    requests: Iterable[CaptionRequest], encoder: PhotoEncoder, *, n_best: int = 1
) -> Iterator[PhotoCaptions]:
    """Caption each photo by the captioners of its request; each photo is encoded once, in batches.

    Args:
        requests: requests, consumed in the caller's thread, at most `MAX_AHEAD` ahead of the captions.
        encoder: encoder of all captioners.
        n_best: maximum number of candidates per caption, up to the width of the search. (default: 1)

    Yields:
        A photo's captions by code, in the order of its captioners, or its `PhotoError`, whose attribute `photo` is the
        photo.

    Raises:
        CaptionRuntimeError: this process was forked from one that had captioned.
    """
    require_same_process()  # before any thread starts, since its locks would hang in a fork
    with (
        ThreadPoolExecutor(1) as encoding,  # encodes the next batch during the search
        PhotoQueue(((request, request.photo) for request in requests), encoder.size) as photos,
    ):
        photos.draw(MAX_AHEAD)
        batch = photos.take(BATCH_SIZE)
        running = encoding.submit(_encode, batch, encoder)
        while batch:
            decoded, grid = running.result()
            batch = photos.take(BATCH_SIZE)
            running = encoding.submit(_encode, batch, encoder)
            for count, captions in enumerate(_batch_captions(decoded, grid, n_best), start=1):
                yield captions
                photos.draw(MAX_AHEAD - len(batch) - (len(decoded) - count))
        photos.finish()


def _encode(batch: Sequence[tuple[CaptionRequest, Future[Decoded]]], encoder: PhotoEncoder) -> _Encoded:
    """Encode a batch; return the requests with decoded photos or errors, and the grids of the photos without error."""
    decoded = [(request, photo.result()) for request, photo in batch]
    pixels = [photo for _, photo in decoded if not isinstance(photo, PhotoError)]
    return decoded, encoder.grid(np.stack(pixels)) if pixels else np.empty(0, dtype=np.float16)


def _batch_captions(
    decoded: Sequence[tuple[CaptionRequest, Decoded]], grid: NDArray[np.float16], n_best: int
) -> Iterator[PhotoCaptions]:
    requests = [request for request, photo in decoded if not isinstance(photo, PhotoError)]
    candidates = _search(grid, requests, n_best)
    for request, photo in decoded:
        if isinstance(photo, PhotoError):
            photo.photo = request.photo
            yield photo
        else:
            warning = _UNIFORM if is_nearly_uniform(photo) else ""
            yield {
                captioner.language.code: Caption(
                    request.photo,
                    captioner.language,
                    next(candidates[captioner]),
                    captioner.translated_by,
                    warning,
                    captioner,
                )
                for captioner in request.captioners
            }


def _search(
    grid: NDArray[np.float16], requests: Sequence[CaptionRequest], n_best: int
) -> "dict[Captioner, Iterator[tuple[Candidate, ...]]]":
    """Return an iterator of candidates per captioner, over its photos in order; those of one PCA share its output."""
    candidates = {}
    reduced: dict[str, NDArray[np.float32]] = {}
    for captioner in dict.fromkeys(captioner for request in requests for captioner in request.captioners):
        rows = [row for row, request in enumerate(requests) if captioner in request.captioners]
        identity = captioner.pack.encoder.identity
        if identity not in reduced:
            reduced[identity] = captioner.reduce(grid)
        features = reduced[identity] if len(rows) == len(requests) else reduced[identity][rows]
        candidates[captioner] = iter(captioner.decode_reduced(features, n_best))
    return candidates
