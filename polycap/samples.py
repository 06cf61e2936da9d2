"""Photos to try polycap with: those that scikit-image carries in its own wheel.

Only photos whose licence the package itself states, and which that licence lets anyone pass on, are listed.
They are found by path: the package is not imported, and nothing is downloaded. `python -m polycap.samples`
prints their paths.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from polycap.errors import PolycapError

__all__ = ["SamplePhoto", "credit_of", "sample_photos"]


class SamplePhoto(NamedTuple):
    """A photo's path, and who made it under which licence."""

    path: Path
    credit: str


# (package, its distribution, path inside it, credit); licences as stated in skimage/data/_fetchers.py.
# Of its photos these are nearest to what Flickr8k shows: people, and an animal.
_PHOTOS = (
    ("skimage", "scikit-image", "data/camera.png", "Lav Varshney, CC0"),
    ("skimage", "scikit-image", "data/astronaut.png", "NASA, public domain"),
    ("skimage", "scikit-image", "data/chelsea.png", "Stéfan van der Walt, CC0"),
)


def sample_photos() -> list[SamplePhoto]:
    """The sample photos.

    Raises:
        PolycapError: a package that carries them is not installed, or no longer has one of them.
    """
    return [SamplePhoto(_find(*photo[:3]), f"{photo[3]}, from {photo[1]}") for photo in _PHOTOS]


def credit_of(photo: Path) -> str:
    """The credit of a sample photo; empty for any other path, and where the samples are not installed."""
    try:
        credits = {sample.path.resolve(): sample.credit for sample in sample_photos()}
    except PolycapError:
        return ""
    return credits.get(photo.resolve(), "")


def _find(package: str, distribution: str, inside: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PolycapError(
            f"the sample photos come with {distribution}, which is not installed: "
            'pip install "polycap[demo]", or name photos of your own'
        )
    path = Path(spec.submodule_search_locations[0], inside)
    if not path.is_file():
        raise PolycapError(
            f"{distribution} no longer carries {inside}: install the version that scripts/requirements.lock "
            "names, or name photos of your own"
        )
    return path


if __name__ == "__main__":
    for sample in sample_photos():
        print(sample.path)
