"""Options of the stages, and the error of a stage that can't be measured."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["BenchError", "Options"]


class BenchError(Exception):
    """A stage lacks an input, or a side failed; the message says the reason and the fix."""


@dataclass(frozen=True)
class Options:
    """Options of the command line. `benchmarks.cli` describes each."""

    data: Path | None = None
    photos_from: Path | None = None
    features: Path = Path("features")
    photos: int = 512
    baseline_photos: int | None = None
    language: str = "en"
    package: Path | None = None
    captions: int = 500
    baseline_captions: int = 100
    repeats: int = 5
    second_language: str = "de"
    threads: int = 8
    calls: int = 200
    limit: float = 60.0
    kills: int = 20
    seconds: float = 11.0
    sizes: tuple[int, ...] = (100, 1000, 8000)
    out: Path = Path("bench")
    captions_from: str | None = None
    seed: int = 0
