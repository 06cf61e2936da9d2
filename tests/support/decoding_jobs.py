"""Jobs of processes that decode photos: take time, die, or take memory, by the photo's name."""

import os
import sys
import time
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from polycap.photos.load import PhotoBytes, load_photo
from polycap.server import decoding_child

__all__ = ["names_of_modules", "run"]


def run(job: dict[str, Any]) -> None:
    """As `decoding_child.run`, but for photos of three names."""

    def load(photo: PhotoBytes, *rest: Any) -> Any:
        if photo.name == "slow":
            time.sleep(60)
        elif photo.name == "deadly":
            os._exit(1)
        with patch("polycap.photos.load.open_photo", exhaust) if photo.name == "big" else nullcontext():
            return load_photo(photo, *rest)

    def exhaust(*_: Any) -> None:
        bytearray(2_000_000_000)

    decoding_child.load_photo = load  # type: ignore[assignment, attr-defined]
    decoding_child.run(job)


def names_of_modules(_: None) -> None:
    """Print the packages that such a process has loaded once it is ready."""
    decoding_child._warm_up(299)
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
