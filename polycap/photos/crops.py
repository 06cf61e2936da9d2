"""Random crops of photos, stored anew: further views of a photo to learn from.

What is learned from such views depends less on how a photo is framed, sized, compressed and lit.

Reference: Szegedy et al. (2015), "Going Deeper with Convolutions", arXiv:1409.4842, section 6 (crops of random area and
aspect).
"""

import io
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["random_crop"]

AREA = (0.5, 1.0)
"""Share of the photo's area."""
LOG_ASPECT = 0.2
"""Greatest logarithm of the change of the aspect, either way."""
SIDE = (150, 300)
"""Side in pixels of the square that is stored as JPEG; photos on the web are as small."""
QUALITY = (60, 95)
"""Quality of the JPEG."""
BRIGHTNESS, COLOUR = 0.1, 0.15
"""Greatest relative change of all channels, and of each."""


def random_crop(pixels: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return a random crop of a photo at the photo's size, stored as a smaller JPEG in between, and lit otherwise.

    Args:
        pixels: `(size, size, 3) uint8`.
        generator: source of all random choices; the same one gives the same crop.

    Returns:
        `(size, size, 3) uint8`.
    """
    size = len(pixels)
    area, stretch = generator.uniform(*AREA), exp(generator.uniform(-LOG_ASPECT, LOG_ASPECT))
    width, height = (min(size, size * sqrt(area * factor)) for factor in (stretch, 1 / stretch))
    left, top = generator.uniform(0, size - width), generator.uniform(0, size - height)
    side = int(generator.integers(*SIDE))
    box = (left, top, left + width, top + height)
    crop = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC, box)
    stored = io.BytesIO()
    crop.save(stored, "JPEG", quality=int(generator.integers(*QUALITY)))
    light = 1 + generator.uniform(-BRIGHTNESS, BRIGHTNESS)
    factors = light * (1 + generator.uniform(-COLOUR, COLOUR, 3))
    with Image.open(stored) as image:
        values = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64) * factors
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
