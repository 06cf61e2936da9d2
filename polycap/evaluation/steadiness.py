"""Steadiness: whether a photo's caption stays the same when the photo is stored in another way."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from PIL import Image

from polycap.captioning.captioner import Captioner
from polycap.captioning.group import CaptionerGroup
from polycap.dataset import Photo
from polycap.errors import EvaluationError, PhotoError
from polycap.evaluation.predict import predict, print_left_out
from polycap.files.progress import progress_bar
from polycap.photos.formats import open_photo, pixels_of, upright_size
from polycap.photos.limits import MAX_SIDE, PhotoLimits
from polycap.photos.load import PhotoBytes, Photograph

__all__ = ["CHANGES", "JPEG_QUALITY", "SHORT_SIDE", "measure_steadiness"]

JPEG_QUALITY = 75
"""Quality of the JPEG that a photo is encoded as, at its size."""

SHORT_SIDE = 168
"""Shorter side in pixels of the resized photo, whose pixels are not encoded."""


def measure_steadiness(
    captioners: Sequence[Captioner], photos: Sequence[Photo], *, progress: bool | None = None
) -> dict[str, dict[str, float]]:
    """Caption photos as they are and changed, and count the captions that stay the same, word for word.

    Args:
        captioners: captioners that share an encoder, one per language.
        photos: photos; those that can't be read are left out, and named on stderr.
        progress: whether to draw a progress bar on stderr. (default: if it is a terminal)

    Returns:
        Shares of the photos whose caption stays, 0 to 1, by language code and change, a name of `CHANGES`.

    Raises:
        EvaluationError: no photo can be read.
    """
    originals = predict(captioners, photos, progress=progress)
    readable = [photo for photo in photos if all(photo.name in captions for captions in originals.values())]
    steadiness: dict[str, dict[str, float]] = {code: {} for code in originals}
    for name, change in CHANGES.items():
        for code, captions in _caption_changed(captioners, readable, change, progress).items():
            if not captions:
                raise EvaluationError("none of the photos can be read; see above")
            steadiness[code][name] = fmean(caption == originals[code][photo] for photo, caption in captions.items())
    return steadiness


def _caption_changed(
    captioners: Sequence[Captioner],
    photos: Sequence[Photo],
    change: Callable[[Path], Photograph],
    progress: bool | None,
) -> Mapping[str, Mapping[str, str]]:
    """Return captions of changed photos, by language code and photo name, of the photos that can be read."""
    names: list[str] = []

    def changed_photos() -> Iterator[Photograph]:
        for photo in photos:
            try:
                changed = change(photo.path)
            except (PhotoError, OSError) as error:
                print_left_out(f"{photo.name}: {error}")
                continue
            names.append(photo.name)
            yield changed

    results = CaptionerGroup(captioners).pipe(changed_photos())
    captions = list(progress_bar(results, show=progress, total=len(photos), unit="photo"))
    return {
        captioner.language.code: {
            name: of_photo[captioner.language.code].text for name, of_photo in zip(names, captions, strict=True)
        }
        for captioner in captioners
    }


def _encode_again(path: Path) -> PhotoBytes:
    """Return a photo at its size as a JPEG."""
    file = io.BytesIO()
    _resize(path, 0).save(file, "JPEG", quality=JPEG_QUALITY)
    return PhotoBytes(str(path), file.getvalue())


def _shrink(path: Path) -> Image.Image:
    """Return a photo resized to `SHORT_SIDE`."""
    return _resize(path, SHORT_SIDE)


def _resize(path: Path, short_side: int) -> Image.Image:
    """Return a photo upright in RGB, its shorter side as long as given; 0: as it is.

    Raises:
        PhotoError, OSError: the photo can't be read.
    """
    with open_photo(path, MAX_SIDE, PhotoLimits.of_environment()) as image:
        image.load()
        width, height = upright_size(image)
        scale = short_side / min(width, height) if short_side else 1.0
        return pixels_of(image, (round(scale * width), round(scale * height)))


CHANGES: dict[str, Callable[[Path], Photograph]] = {
    f"JPEG quality {JPEG_QUALITY}": _encode_again,
    f"{SHORT_SIDE} px": _shrink,
}
"""Changes of a photo, by name."""
