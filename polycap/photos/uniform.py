"""Photos without content: blank pages, black frames, empty screenshots."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_nearly_uniform"]

_TOLERANCE, _MOST_OTHERS = 16, 0.02
"""Difference of a pixel from the median colour, of 255; and the share of the pixels that may differ by more. A guess:
none of 870 photos of Flickr8k is below it, and a scanned blank page with its number is."""


def is_nearly_uniform(pixels: NDArray[np.uint8]) -> bool:
    """Return whether nearly all pixels of a photo, `(height, width, 3) uint8`, have one colour."""
    sample = pixels[::4, ::4].reshape(-1, 3).astype(np.int16)  # (pixels, 3)
    others = (np.abs(sample - np.median(sample, axis=0)) > _TOLERANCE).any(axis=1)
    return bool(others.mean() < _MOST_OTHERS)
