"""Sample photos: two pictures of polycap's, and a photo in scikit-image's wheel.

Flickr8k's photos may not be redistributed. The samples are a skier and a dog, rendered for polycap by `scripts/scenes`,
and a real photo whose licence (stated in scikit-image's `skimage/data/_fetchers.py`) permits redistribution.
scikit-image is not imported, and nothing is downloaded. `python -m polycap.photos.samples` prints the paths.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from polycap.errors import PolycapError
from polycap.machine.extras import missing_package

__all__ = ["SamplePhoto", "credit_of", "sample_photos"]


class SamplePhoto(NamedTuple):
    """Path of a sample photo, and its credit: author and licence."""

    path: Path
    credit: str


_OURS = [
    SamplePhoto(Path(__file__).parent / "pictures" / name, "rendered for polycap (scripts/scenes), CC0")
    for name in ("skier.jpg", "dog.jpg")
]


def sample_photos() -> list[SamplePhoto]:
    """Return the sample photos.

    Raises:
        PolycapError: scikit-image, which contains one of them, is not installed, or no longer contains it.
    """
    return [*_OURS, SamplePhoto(_find("data/camera.png"), "Lav Varshney, CC0, from scikit-image")]


def credit_of(photo: Path) -> str:
    """Return the credit of a sample photo; empty for any other path."""
    try:
        samples = sample_photos()
    except PolycapError:
        samples = _OURS
    return next((sample.credit for sample in samples if sample.path.resolve() == photo.resolve()), "")


def _find(inside: str) -> Path:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise PolycapError(f"{missing_package('a sample photo', 'scikit-image', 'demo')}, or name photos of your own")
    path = Path(spec.submodule_search_locations[0], inside)
    if not path.is_file():
        raise PolycapError(
            f"scikit-image no longer carries {inside}: install the version that scripts/requirements.lock "
            "names, or name photos of your own"
        )
    return path


if __name__ == "__main__":
    for sample in sample_photos():
        print(sample.path)
