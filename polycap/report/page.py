"""The report as one HTML file that needs nothing else."""

import base64
import io
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from polycap.decoder.gaze import Gaze
from polycap.errors import PhotoError
from polycap.language import Language
from polycap.metrics import METRICS
from polycap.page import Thumbnail, thumbnail, write_template
from polycap.report import notes
from polycap.report.compare import Comparison
from polycap.report.examples import Example, Examples
from polycap.report.view import group_by_references

__all__ = ["write_comparison_page"]

DARKEST = 0.8
"""How dark a cell is at which the decoder does not look at all, 0 to 1."""


@dataclass(frozen=True)
class _Tile:
    """A token, and a veil (a data URI) that leaves light where the decoder looked."""

    token: str
    veil: str


@dataclass(frozen=True)
class _Shown:
    """An example as the template takes it; `photo` is None if it can't be shown."""

    number: str
    name: str
    photo: Thumbnail | None
    caption: str
    references: list[str]
    score: str
    tiles: list[_Tile]


@dataclass(frozen=True)
class _Section:
    """A language's examples as the template takes them."""

    language: Language
    facts: dict[str, str]
    metric: str
    ends: list[tuple[str, list[_Shown]]]
    attends: bool
    without_gazes: str


def write_comparison_page(path: Path, comparison: Comparison) -> None:
    """Write the page to `path`, atomically.

    Raises:
        PolycapError: `path` can't be written.
    """
    groups = group_by_references(comparison)
    views = [view for _, members in groups for view in members]
    sections = [_section(view.language, view.facts, comparison.examples[view.language.code]) for view in views]
    write_template(
        path,
        "comparison.html",
        comparison=comparison,
        groups=groups,
        views=views,
        sections=sections,
        metrics=METRICS.values(),
        notes=notes,
    )


def _section(language: Language, facts: dict[str, str], examples: Examples) -> _Section:
    worst = "Worst"
    if 0 < len(examples.worst) < examples.lowest:
        worst = f"Worst: {len(examples.worst)} of the {examples.lowest} that score {examples.worst[0].score:.1f}"
    ends = [("Best", examples.best), (worst, examples.worst)]
    shown = [
        (title, [_show(f"{language.code}-{title[:1]}{k}", example) for k, example in enumerate(members)])
        for title, members in ends
        if members
    ]
    attends = any(example.gazes for _, members in ends for example in members)
    return _Section(language, facts, examples.metric, shown, attends, examples.without_gazes)


def _show(number: str, example: Example) -> _Shown:
    try:
        photo = thumbnail(example.photo.name, example.photo.path)
    except PhotoError:
        photo = None
    tiles = [_Tile(gaze.token.strip() or "␣", veil) for gaze in example.gazes if photo and (veil := _veil(gaze))]
    name, score = example.photo.name, f"{example.score:.1f}"
    return _Shown(number, name, photo, example.caption, example.references, score, tiles)


def _veil(gaze: Gaze) -> str:
    """Black, and the clearer the more the cell counted; empty where the cells make no square."""
    side = isqrt(len(gaze.weights))
    if side * side != len(gaze.weights):
        return ""
    pixels: NDArray[np.uint8] = np.zeros((side, side, 2), dtype=np.uint8)
    light = np.sqrt(gaze.weights / gaze.weights.max())  # as the eye has it: half the weight is not half as bright
    pixels[..., 1] = np.round(255 * DARKEST * (1 - light)).reshape(side, side)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "LA").save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
