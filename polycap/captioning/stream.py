"""Captions of any number of photos: decoded, encoded and searched for at the same time, in order."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polycap.captioning.caption import Candidate, Caption
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import PhotoError
from polycap.machine.fork import require_same_process
from polycap.photos.batches import BATCH_SIZE, Decoded, PhotoQueue
from polycap.photos.load import Photograph

if TYPE_CHECKING:
    from polycap.captioning.captioner import Captioner

__all__ = ["MAX_AHEAD", "CaptionRequest", "PhotoCaptions", "caption_requests"]

MAX_AHEAD = 2 * BATCH_SIZE
"""Photos that are drawn and not captioned yet, at most."""

PhotoCaptions: TypeAlias = "dict[str, Caption] | PhotoError"
"""A photo's captions by language code, or why it can't be read."""


@dataclass(frozen=True)
class CaptionRequest:
    """A photo, and the captioners that are to caption it."""

    photo: Photograph
    captioners: "Sequence[Captioner]"


_Encoded: TypeAlias = "tuple[list[tuple[CaptionRequest, Decoded]], NDArray[np.float16]]"


def caption_requests(
    requests: Iterable[CaptionRequest], encoder: PhotoEncoder, *, n_best: int = 1
) -> Iterator[PhotoCaptions]:
    """Caption each photo by captioners of its own, encoding all photos of a batch together, each once.

    Args:
        requests: drawn one by one in the caller's thread, at most `MAX_AHEAD` ahead of the captions.
        encoder: the one that all captioners share.
        n_best: candidates per language; there are no more than the search is wide.

    Yields:
        A photo's captions by code, in the order of its captioners, or its `PhotoError`, whose `photo` is the photo.

    Raises:
        PackError: a captioner is of another encoder.
        CaptionRuntimeError: this process was forked from one that had captioned.
    """
    require_same_process()  # before the threads that decode photos take locks
    with (
        ThreadPoolExecutor(1) as encoding,  # the encoder computes while captions are searched for
        PhotoQueue(((request, request.photo) for request in requests), encoder.size) as photos,
    ):
        photos.draw(MAX_AHEAD)
        batch = photos.take(BATCH_SIZE)
        running = encoding.submit(_encode, batch, encoder)
        while batch:
            decoded, grid = running.result()
            batch = photos.take(BATCH_SIZE)
            running = encoding.submit(_encode, batch, encoder)
            for done, captions in enumerate(_batch_captions(decoded, grid, encoder, n_best), start=1):
                yield captions
                photos.draw(MAX_AHEAD - len(batch) - (len(decoded) - done))
        photos.finish()


def _encode(batch: Sequence[tuple[CaptionRequest, Future[Decoded]]], encoder: PhotoEncoder) -> _Encoded:
    """Encode a batch: each request with its decoded photo or error, and the grids of the photos without error."""
    decoded = [(request, photo.result()) for request, photo in batch]
    pixels = [photo for _, photo in decoded if not isinstance(photo, PhotoError)]
    return decoded, encoder.grid(np.stack(pixels)) if pixels else np.empty(0, dtype=np.float16)


def _batch_captions(
    decoded: Sequence[tuple[CaptionRequest, Decoded]], grid: NDArray[np.float16], encoder: PhotoEncoder, n_best: int
) -> Iterator[PhotoCaptions]:
    requests = [request for request, photo in decoded if not isinstance(photo, PhotoError)]
    candidates = _search(grid, requests, encoder, n_best)
    for request, photo in decoded:
        if isinstance(photo, PhotoError):
            photo.photo = request.photo
            yield photo
        else:
            yield {
                c.language.code: Caption(request.photo, c.language, next(candidates[c]), c.translated_by, c)
                for c in request.captioners
            }


def _search(
    grid: NDArray[np.float16], requests: Sequence[CaptionRequest], encoder: PhotoEncoder, n_best: int
) -> "dict[Captioner, Iterator[tuple[Candidate, ...]]]":
    """Candidates by captioner, of those photos that want it, in their order; what packs share is reduced once."""
    candidates = {}
    reduced: dict[Any, NDArray[np.float32]] = {}
    for captioner in dict.fromkeys(captioner for request in requests for captioner in request.captioners):
        captioner.pack.require_encoder(encoder.identity)
        rows = [row for row, request in enumerate(requests) if captioner in request.captioners]
        read = (captioner.pack.card.pca, captioner.pack.card.decoder.channels)
        if read not in reduced:
            reduced[read] = captioner.reduce(grid)
        chosen = reduced[read] if len(rows) == len(requests) else reduced[read][rows]
        candidates[captioner] = iter(captioner.decode_reduced(chosen, n_best))
    return candidates
